/* The language chosen here takes the place of the browser's before anything reads it. */
{
  let chosen = null;
  try { chosen = localStorage.getItem("neuroceleb-language"); } catch { /* private */ }
  if (["en", "ko"].includes(chosen)) {
    Object.defineProperty(navigator, "language", { get: () => chosen });
    Object.defineProperty(navigator, "languages", { get: () => [chosen] });
  }
}
