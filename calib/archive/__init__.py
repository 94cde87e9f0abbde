"""What was computed. Folders are the truth; a SQL index is rebuilt from them."""

from calib.archive.explain import as_dict, explain
from calib.archive.runs import RunFolder
from calib.archive.store import Archive, Entry
from calib.archive.verify import Problem, verify

__all__ = ["Archive", "Entry", "Problem", "RunFolder", "as_dict", "explain", "verify"]
