"""Why this exists: key agreement fails in the field under loss, restarts and bad luck, so it must meet them here first.

Whole ports (`pysec.pae`) on a LAN that exists in memory, with a clock for each of them, hours in seconds, everything
drawn from one seed:

    scenario   what a seed means: who takes part, with what settings, and what befalls them when
    dataplane  a `FakeDriver` whose frames can be followed: sender, key, packet number, accepted or why not
    lan        loss, duplication, reordering, delay, cuts
    member     one port: its clock, its process, its data plane; each can go without the other
    world      the loop over all of that, and the three acts: chaos, healing, calm
    faults     what can be injected, one function each
    calm       what may happen on a perfect LAN without the loss of a frame
    referee    the invariants, asked at every step
    batch      many seeds, counted

`pysec lab chaos` tells one seed to a reader; `make sim SEEDS=N` runs many.
"""

from pysec.lab.sim.batch import Batch, Outcome, run_seed
from pysec.lab.sim.scenario import Scenario
from pysec.lab.sim.world import World

__all__ = ["Batch", "Outcome", "Scenario", "World", "run_seed"]
