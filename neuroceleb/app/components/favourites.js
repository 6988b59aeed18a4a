/* The list of favourites, changed in the page: an answer of the server would come after the next click. */

/** @typedef {Record<string, any>} Face */

/** @type {{ face: Face, isFavourite: boolean }[]} */
const changes = [];

/** The same text for the same face, in whatever order its fields stand. @param {Face} face */
const keyOf = (face) => JSON.stringify(Object.entries(face).sort(([one], [other]) => (one < other ? -1 : 1)));

/** Note that a face becomes a favourite or is none any more, for the next `takeFavourites`. @param {Face} face @param {boolean} isFavourite */
export const noteFavourite = (face, isFavourite) => { changes.push({ face, isFavourite }); };

/** The favourites after all changes that were noted. @param {Face[] | null} kept */
export const takeFavourites = (kept) => {
  let faces = kept ?? [];
  for (const { face, isFavourite } of changes.splice(0)) {
    faces = faces.filter((one) => keyOf(one) !== keyOf(face));
    if (isFavourite) faces.push(face);
  }
  return faces;
};
