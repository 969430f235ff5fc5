"""First on PYTHONPATH, it makes a process see a machine on which the packages named in ABSENT are not installed."""

import os
import sys
from importlib.machinery import PathFinder

ABSENT = set(os.environ.get("ABSENT", "").split())


class Others:
    """Finds what Python's own finder does, but for what is absent."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.partition(".")[0] in ABSENT else PathFinder.find_spec(name, path, target)

    @staticmethod
    def find_distributions(context):
        return (found for found in PathFinder.find_distributions(context) if found.name not in ABSENT)


sys.meta_path[sys.meta_path.index(PathFinder)] = Others
