#!/usr/bin/env python3
"""Run a command on a terminal of its own, as the leader of its session, and do what the steps on
standard input say, one a line:

	type TEXT      press these keys; \\n, \\x03 and their like as in Python
	see REGEX      wait until it is shown, from where the last "see" ended
	unseen REGEX   it must not be shown between that place and the next "see"
	modes          remember the modes of the terminal; from the second time on, they must be the same

Then wait for the command's end. What the terminal showed goes to standard output; the status is the
command's, as the shell says it, or 99 if a step failed. Owns the terminal; kills the command if it
hangs. The steps never depend on time.
"""

import os
import re
import select
import signal
import sys
import termios
import time

HANG_GUARD_S = 60


class Failed(Exception):
    pass


class Terminal:
    def __init__(self, argv):
        # Our own end is held open, so that the modes can be looked at when nobody else has it.
        self.fd, self.own = os.openpty()
        self.pid = os.fork()
        if self.pid == 0:
            os.login_tty(os.dup(self.own))
            os.environ.update(TERM="dumb", PS1="$ ", HISTFILE="")
            os.execvp(argv[0], argv)
        self.shown = ""
        self.seen = 0
        self.unwanted = []
        self.modes = None
        self.end = time.monotonic() + HANG_GUARD_S

    def more(self):
        """Whether something came."""
        left = self.end - time.monotonic()
        if left <= 0 or not select.select([self.fd], [], [], left)[0]:
            raise Failed("it hangs")
        data = os.read(self.fd, 4096)
        self.shown += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)

    def see(self, pattern):
        while not (match := re.compile(pattern, re.M).search(self.shown, self.seen)):
            self.more()
        for unwanted in self.unwanted:
            if re.search(unwanted, self.shown[self.seen:match.start()], re.M):
                raise Failed(f"shown, and should not be: {unwanted}")
        self.unwanted = []
        self.seen = match.end()

    def look_at_modes(self):
        modes = termios.tcgetattr(self.own)
        if self.modes not in (None, modes):
            raise Failed(f"modes {modes}, were {self.modes}")
        self.modes = modes

    def step(self, line):
        what, _, text = line.partition(" ")
        if what == "type":
            os.write(self.fd, text.encode().decode("unicode_escape").encode())
        elif what == "see":
            self.see(text)
        elif what == "unseen":
            self.unwanted.append(text)
        elif what == "modes":
            self.look_at_modes()
        else:
            raise Failed("no such step")

    def wait(self):
        """Its status; what it shows meanwhile is taken, or it might wait for that."""
        os.close(self.own)
        try:
            while self.more():
                pass
        except OSError:
            pass  # EIO: nobody has the terminal any more
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return status if status >= 0 else 128 - status


def main():
    terminal = Terminal(sys.argv[1:])
    status = 99
    line = ""
    try:
        for line in sys.stdin.read().splitlines():
            if line:
                terminal.step(line)
        line = "the end"
        status = terminal.wait()
    except (Failed, OSError) as failure:
        os.kill(terminal.pid, signal.SIGKILL)
        print(f"{line}: {failure}", file=sys.stderr)
    sys.stdout.write(terminal.shown)
    return status


if __name__ == "__main__":
    sys.exit(main())
