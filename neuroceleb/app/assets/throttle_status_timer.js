/* The timer of Gradio's loading screen keeps counting after loading, sixty times a second, for as
   long as the page is open: some percent of a core. Its frames are throttled to one a second. */
(() => {
  const frame = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (draw) => (new Error().stack.includes("/statustracker-")
    ? setTimeout(() => draw(performance.now()), 1000) : frame(draw));
})();
