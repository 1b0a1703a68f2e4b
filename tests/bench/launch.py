"""`python -I -S launch.py LOG COMMAND…`: run a command, print seconds, peak memory in KB, exit status and CPU time.

A process of its own, and a small one, because Linux counts the memory of the process that forks into the peak of its
child: started by the benchmark itself, which has boto3 and rich in memory, no command would seem to need less. The
peak is that of the largest single process among the command and those that it waited for. Seconds run from the start
of the command to its end, so this process's own start is not in them.
"""

import os
import sys
import time

log, *command = sys.argv[1:]
actions = [
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    (os.POSIX_SPAWN_DUP2, 1, 2),
]
begin = time.perf_counter()
pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
_, status, usage = os.wait4(pid, 0)
seconds = time.perf_counter() - begin
print(seconds, usage.ru_maxrss, os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime)
