/* Events that wait for the answer to the one before. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";

const { LOST_AFTER, nextTurn, takeTurn } = await import("../../neuroceleb/app/components/turns.js");

test("a call waits for the answer to the one before, in its own line", () => {
  const made = [];
  for (const call of ["a", "b", "c"]) takeTurn("sum", () => made.push(call));
  takeTurn("keys", () => made.push("other"));
  assert.deepEqual(made, ["a", "other"]);
  nextTurn("sum");
  assert.deepEqual(made, ["a", "other", "b"]);
  nextTurn("sum");
  nextTurn("sum");
  nextTurn("sum");
  takeTurn("sum", () => made.push("d"));
  assert.deepEqual(made, ["a", "other", "b", "c", "d"]);
  nextTurn("sum");
  nextTurn("keys");
});

test("a lost answer does not stop the line", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const made = [];
  for (const call of ["a", "b"]) takeTurn("lost", () => made.push(call));
  mock.timers.tick(LOST_AFTER - 1);
  assert.deepEqual(made, ["a"]);
  mock.timers.tick(1);
  assert.deepEqual(made, ["a", "b"]);
  nextTurn("lost");
  mock.timers.tick(LOST_AFTER);
  takeTurn("lost", () => made.push("c"));
  assert.deepEqual(made, ["a", "b", "c"]);
  mock.timers.reset();
});
