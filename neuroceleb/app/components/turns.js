/* Events of which each starts from the answer to the one before: the next is sent when that is here. */

/** Milliseconds after which an answer is taken for lost. */
export const LOST_AFTER = 10_000;

/** @typedef {{ calls: (() => void)[], timer: any }} Line */
/** @type {Map<string, Line>} */
const lines = new Map();

/** @param {string} name @param {() => void} call */
const send = (name, call) => {
  const line = /** @type {Line} */ (lines.get(name));
  line.timer = setTimeout(() => nextTurn(name), LOST_AFTER);
  call();
};

/** Make a call now, or after the answers to those that wait in the line of this name. @param {string} name @param {() => void} call */
export const takeTurn = (name, call) => {
  const line = lines.get(name);
  if (line) { line.calls.push(call); return; }
  lines.set(name, { calls: [], timer: null });
  send(name, call);
};

/** Report the answer to the call that was made last: the next one is made. @param {string} name */
export const nextTurn = (name) => {
  const line = lines.get(name);
  if (!line) return;
  clearTimeout(line.timer);
  const call = line.calls.shift();
  if (call) send(name, call);
  else lines.delete(name);
};
