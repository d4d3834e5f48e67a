"""A plugin of pytest's: xdist kills workers ten seconds after their last test, when they still write down what they ran.

    pytest -p patient_workers
"""

from xdist.workermanage import NodeManager

NodeManager.EXIT_TIMEOUT = 300  # seconds
