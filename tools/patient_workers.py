"""A plugin of pytest's, for `-p`: workers have the time to write down what they ran, where xdist would kill them."""

from xdist.workermanage import NodeManager

NodeManager.EXIT_TIMEOUT = 300  # seconds after its last test
