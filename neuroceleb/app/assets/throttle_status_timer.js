/* Gradio's loading screen leaves a stop watch behind that counts on, sixty times a second, for as
   long as the page is open: some percent of a core for nothing. Its frames come once a second. */
(() => {
  const frame = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (draw) => (new Error().stack.includes("/statustracker-")
    ? setTimeout(() => draw(performance.now()), 1000) : frame(draw));
})();
