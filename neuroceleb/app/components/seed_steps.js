/* Steps through the seeds of Generate, taken in the page: each of several quick clicks counts. */

/** The seed that lies so many further on, 0 at least; any other text, as a list, stays. @param {string} seed @param {number} by */
export const steppedSeed = (seed, by) => {
  if (!/^\s*\d+\s*$/.test(seed)) return seed;
  const next = BigInt(seed.trim()) + BigInt(by);
  return String(next > 0n ? next : 0n);
};

/**
 * The seed and the view after a step over the faces that are shown, or that the shown ones were chosen from.
 * Favourites give way to them.
 * @param {number} direction 1 or -1 @param {number} drawnPerKept of best-of
 * @param {string} seed @param {number} count @param {boolean} best @param {string} view
 */
export const stepSeeds = (direction, drawnPerKept, seed, count, best, view) => [
  steppedSeed(seed, direction * Math.trunc(Number(count) || 0) * (best ? drawnPerKept : 1)), view === "favourites" ? "seeds" : view,
];
