#!/bin/sh
# lapse run on a terminal, below interactive shells: keys, job control, and who may read.
. "$(dirname "$0")/common.sh"
for shell in 'bash --norc --noprofile --noediting -i' 'dash -i'; do
	# shellcheck disable=SC2086 # words
	on_terminal "${shell%% *}: interrupt, stop and go on" $shell <<'END'
see \$ $
modes
type $LAPSE run sh -c 'echo be"gun"; exec sleep 100'\n
see ^begun
type \x03
see \$ $
type echo =$?\n
see ^=130
see \$ $
type $LAPSE run cat\n
see \n
type once\n
see ^once\nonce\n
type \x1a
see Stopped|Suspended
see \$ $
modes
type fg\n
see run cat
type again\n
see ^again\nagain\n
type \x1a
see Stopped|Suspended
see \$ $
type fg\n
see run cat
type third\n
see ^third\nthird\n
type \x04
see \$ $
type echo =$?\n
see ^=0
see \$ $
modes
type exit\n
END
	# shellcheck disable=SC2086 # words
	on_terminal "${shell%% *}: scripts, pipelines, limits" $shell <<'END'
see \$ $
modes
type sh -c '$LAPSE run sh -c "echo be\\"\\"gun; exec sleep 100"; echo sur"vived"'\n
see ^begun
unseen ^survived
type \x03
see \$ $
type $LAPSE run cat | cat\n
see \n
type first\n
see ^first\nfirst\n
type \x04
see \$ $
type $LAPSE run --idle 60s cat\n
see \n
type second\n
see ^second\nsecond\n
type \x1a
see Stopped|Suspended
see \$ $
type fg\n
see run --idle 60s cat
type third\n
see ^third\nthird\n
type \x03
see \$ $
type $LAPSE run --total 300ms cat; echo =$?\n
see ^lapse run: time was up \(total 300ms\)
see ^=124
see \$ $
type $LAPSE run no-such-command; echo =$?\n
see ^=127
see \$ $
type (trap '' TSTP; $LAPSE run sh -c 'echo be"gun"; exec cat')\n
see ^begun
type \x1afourth\n
see fourth\nfourth\n
type \x04
see \$ $
modes
type exit 0\n
END
	# A shell within: it hands the terminal round among its own.
	# shellcheck disable=SC2086 # words
	on_terminal "${shell%% *}: within lapse run" "$LAPSE" run --total 1h $shell <<'END'
see \$ $
type cat\n
see cat\n
type once\n
see ^once\nonce\n
type \x1a
see Stopped|Suspended
see \$ $
type fg\n
see cat
type again\n
see ^again\nagain\n
type \x03
see \$ $
type exit 0\n
END
done

# Each process of a pipeline makes that the terminal's group as it starts, the last one after the first has
# handed the terminal on.
mkfifo "$work/late"
# shellcheck disable=SC2016 # of the shell within
on_terminal "a terminal that is given twice" python3 -c '
import os, signal, subprocess, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
lapse, fifo = sys.argv[1:]
command = f"read a; echo $a; read b <{fifo}; read c; echo $c"
run = subprocess.Popen([lapse, "run", "sh", "-c", command], stdout=subprocess.PIPE,
                       preexec_fn=lambda: os.setpgid(0, 0))
os.tcsetpgrp(0, run.pid)
print("got", run.stdout.readline().decode(), end="", flush=True)
os.tcsetpgrp(0, run.pid)
open(fifo, "w").write("go on\n")
print("got", run.stdout.readline().decode(), end="", flush=True)
sys.exit(run.wait())' "$LAPSE" "$work/late" <<'END'
type first\n
see ^got first\n
type second\n
see ^got second\n
END

# Nobody who could continue us: the stop key does nothing, as it would to the command itself.
on_terminal "without a shell" "$LAPSE" run sh -c 'echo begun; exec cat' <<'END'
see ^begun
type \x1aonce\n
see once\nonce\n
type \x04
END
finish
