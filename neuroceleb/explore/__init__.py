"""Walking around in what a model learned: directions, arithmetic, a map, look-alikes, copies."""
