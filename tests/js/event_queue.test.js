/* Events that wait for the answer to the one before. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";

const { LOST_AFTER, sendNext, enqueue } = await import("../../neuroceleb/app/components/event_queue.js");

test("a call waits for the answer to the one before, in its own queue", () => {
  const made = [];
  for (const call of ["a", "b", "c"]) enqueue("sum", () => made.push(call));
  enqueue("keys", () => made.push("other"));
  assert.deepEqual(made, ["a", "other"]);
  sendNext("sum");
  assert.deepEqual(made, ["a", "other", "b"]);
  sendNext("sum");
  sendNext("sum");
  sendNext("sum");
  enqueue("sum", () => made.push("d"));
  assert.deepEqual(made, ["a", "other", "b", "c", "d"]);
  sendNext("sum");
  sendNext("keys");
});

test("a lost answer does not stop the queue", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const made = [];
  for (const call of ["a", "b"]) enqueue("lost", () => made.push(call));
  mock.timers.tick(LOST_AFTER - 1);
  assert.deepEqual(made, ["a"]);
  mock.timers.tick(1);
  assert.deepEqual(made, ["a", "b"]);
  sendNext("lost");
  mock.timers.tick(LOST_AFTER);
  enqueue("lost", () => made.push("c"));
  assert.deepEqual(made, ["a", "b", "c"]);
  mock.timers.reset();
});
