/* Queues of events of which each starts from the answer to the one before: the next is sent when that is here. */

/** Milliseconds after which an answer is taken for lost. */
export const LOST_AFTER = 10_000;

/** @typedef {{ calls: (() => void)[], timer: any }} Queue */
/** @type {Map<string, Queue>} */
const queues = new Map();

/** @param {string} name @param {() => void} call */
const send = (name, call) => {
  const queue = /** @type {Queue} */ (queues.get(name));
  queue.timer = setTimeout(() => sendNext(name), LOST_AFTER);
  call();
};

/** Make a call now, or after the answers to those in the queue of this name. @param {string} name @param {() => void} call */
export const enqueue = (name, call) => {
  const queue = queues.get(name);
  if (queue) { queue.calls.push(call); return; }
  queues.set(name, { calls: [], timer: null });
  send(name, call);
};

/** Report the answer to the call that was made last: the next one is made. @param {string} name */
export const sendNext = (name) => {
  const queue = queues.get(name);
  if (!queue) return;
  clearTimeout(queue.timer);
  const call = queue.calls.shift();
  if (call) send(name, call);
  else queues.delete(name);
};
