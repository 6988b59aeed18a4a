/* Steps through the seeds of Generate. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedSeed, stepSeeds } from "../../neuroceleb/app/components/seed_steps.js";

test("a step goes over the faces that are shown, not below 0", () => {
  assert.deepEqual(stepSeeds(1, 4, "42", 18, false, "seeds"), ["60", "seeds"]);
  assert.deepEqual(stepSeeds(-1, 4, " 42 ", 18, false, "seeds"), ["24", "seeds"]);
  assert.deepEqual(stepSeeds(-1, 4, "5", 18, false, "seeds"), ["0", "seeds"]);
});

test("with best-of it goes over all that were drawn", () => {
  assert.deepEqual(stepSeeds(1, 4, "7", 6, true, "left_out"), ["31", "left_out"]);
});

test("favourites give way to other seeds", () => {
  assert.deepEqual(stepSeeds(1, 4, "7", 6, false, "favourites"), ["13", "seeds"]);
});

test("what is no single seed stays, and large seeds are exact", () => {
  for (const text of ["1,2", "20-29", "", "-3", "1.5"]) assert.equal(steppedSeed(text, 5), text);
  assert.equal(steppedSeed("9007199254740993", 1), "9007199254740994");
});
