#!/bin/sh
# lapse pipe between files, FIFOs and terminals, each on either side: all arrives; when time is up the
# count is exact; and nobody else notices: flags and modes are as they were.
. "$(dirname "$0")/common.sh"
cd "$work" || exit

# A terminal, "tty", held open as 7; what is written to "keys" is typed, "screen" is what it shows. And
# two FIFOs, held open so that they have no end.
mkfifo quiet full keys from to
exec 3<>quiet 4<>full 5<>keys
: >screen
socat "PTY,link=tty,raw,echo=0" 'PIPE:keys!!OPEN:screen,append' 2>/dev/null &
socat=$!
started="$started $socat"
# "other" shows on the same screen: socat does not type and read at once.
socat -u 'PTY,link=other,raw,echo=0' 'OPEN:screen,append' 2>/dev/null &
started="$started $!"
until_true test -e tty
until_true test -e other
exec 6<>./other 7<>./tty

seq 40000 >file
size=$(wc -c <file)

# Flags belong to all who share a descriptor, modes to all who have the terminal.
traits()
{
	for fd in 3 4 6 7; do
		sed -n 's/^flags:[^0-9]*//p' "/proc/$$/fdinfo/$fd"
	done
	stty -g <&6
	stty -g <&7
}
before=$(traits)

# shellcheck disable=SC2317
shown()
{
	[ "$(wc -c <screen)" -ge "$1" ]
}

# pass IN OUT: the file goes through them. A terminal in raw mode has no end, so time is up there.
pass()
{
	: >screen
	limits='--idle 30s --total 60s' want=0
	case $1 in
	file) exec 8<file ;;
	from)
		cat file >from &
		exec 8<from
		;;
	tty)
		cat file >keys &
		exec 8<&7
		limits='--idle 2s' want="124 lapse pipe: time was up (idle 2s): $size bytes moved"
		;;
	esac
	reader=
	case $2 in
	file) exec 9>got ;;
	to)
		cat to 9>&- >got &
		reader=$!
		exec 9>to
		;;
	tty) exec 9>&6 ;;
	esac
	# shellcheck disable=SC2086 # words
	timeout 100 "$LAPSE" pipe $limits <&8 >&9 2>err 8<&- 9>&-
	said="$? $(cat err)"
	exec 8<&- 9>&-
	is "$want" "${said% }" "$1 to $2: status"
	[ ! "$reader" ] || wait "$reader"
	[ "$2" != tty ] || { until_true shown "$size" && cp screen got; }
	is "$size $(cksum <file)" "$(wc -c <got) $(cksum <got)" "$1 to $2: all arrives"
}

for in in file from tty; do
	for out in file to tty; do
		pass $in $out
	done
done
is "$before" "$(traits)" "flags and modes are as they were"

# waits PID: it has something to say of a call that waits, or it has ended
# shellcheck disable=SC2317
waits()
{
	kill -0 "$1" 2>/dev/null || return 0
	# It asks for the signal (bit 9) before it begins.
	grep -q '^SigBlk:.*[2367abef]..$' "/proc/$1/status" 2>/dev/null && kill -USR1 "$1"
	grep -q 'read\|write\|time was up' dump
}

# arrived OUT COUNT NAME: so many bytes, and not one more, have come out there
arrived()
{
	case $1 in
	file) is "$2" "$(wc -c <got)" "$3" ;;
	fifo)
		is "$2" "$(timeout 60 head -c "$2" <&4 | wc -c)" "$3"
		echo end >&4
		read -r line <&4
		is end "$line" "$3, no more"
		;;
	tty)
		echo x >&7
		until_true shown $(($2 + 2))
		is $(($2 + 2)) "$(wc -c <screen)" "$3, no more"
		;;
	esac
}

# shellcheck disable=SC2317
typed()
{
	[ "$(perl -e 'ioctl(STDIN, 0x541b, my $n = pack("i", 0)); print unpack("i", $n)' <&7)" -eq "$1" ]
}

# attempt IN OUT LIMIT: 1000 bytes come, and then no more
attempt()
{
	: >screen
	: >dump
	case $2 in file) exec 9>got ;; fifo) exec 9>&4 ;; tty) exec 9>&7 ;; esac
	case $1 in
	fifo)
		head -c 1000 /dev/zero >&3
		exec 8<&3
		;;
	tty)
		head -c 1000 /dev/zero >&5
		until_true typed 1000
		exec 8<&7
		;;
	esac
	begin=$(now)
	"$LAPSE" pipe "--$3" 1s <&8 >&9 2>dump 8<&- 9>&- &
	pipe=$!
	started="$started $pipe"
	exec 9>&-
	until_true waits $pipe
	is "$before" "$(traits)" "$1 to $2, --$3: while it waits flags and modes are untouched"
	wait $pipe
	said="$? $(tail -n 1 dump)"
}

# silent IN OUT LIMIT: time is up; where it was before it could even begin, once more
silent()
{
	for try in 1 2 3 4 5 6 7 8 9 10; do
		attempt "$@"
		case $said in *': 0 bytes moved') head -c 1000 <&8 >/dev/null ;; *) break ;; esac
	done
	exec 8<&-
	is "124 lapse pipe: time was up ($3 1s): 1000 bytes moved" "$said" \
		"$1 to $2, --$3: time is up, try $try"
	at_least 1000 "$begin" "$1 to $2, --$3: not early"
	arrived "$2" 1000 "$1 to $2, --$3: what came before is there"
}

for limit in idle total; do
	for in in fifo tty; do
		for out in file fifo tty; do
			silent $in $out $limit
		done
	done
done

# stalled IN OUT LIMIT: nobody reads, or the terminal shows nothing
stalled()
{
	: >screen
	case $2 in fifo) exec 9>&4 ;; tty) exec 9>&7 ;; esac
	kill -STOP $socat
	timeout 60 "$LAPSE" pipe "--$3" 300ms <"$1" >&9 2>err 9>&-
	said=$?
	kill -CONT $socat
	exec 9>&-
	counted=$(sed -n "s/^lapse pipe: time was up ($3 300ms): \([0-9]*\) bytes moved\$/\1/p" err)
	is "124 1" "$said $((${counted:--1} >= 0))" "$1 to $2, --$3: time is up, it stalls"
	[ "$counted" ] || sed 's/^/# /' err
	arrived "$2" "$counted" "$1 to $2, --$3: so much was counted"
}

for limit in idle total; do
	for out in fifo tty; do
		stalled file $out $limit
		stalled /dev/zero $out $limit
	done
done
is "$before" "$(traits)" "flags and modes are as they were"

run "$LAPSE" pipe --by 2001-01-01T00:00 <file
is "124 0" "$(status) $(wc -c <"$work/out")" "a file after the deadline: nothing is read"
is "lapse pipe: time was up (by 2001-01-01T00:00): 0 bytes moved" "$(cat err)" "nor said"

# Killed while it waits, it leaves no trace: the next who reads there waits, and gets the next key.
: >dump
"$LAPSE" pipe --idle 1h <&7 >&7 2>dump &
pipe=$!
until_true waits $pipe
kill -KILL $pipe
wait $pipe 2>/dev/null
is "$before" "$(traits)" "killed: flags and modes are as they were"
timeout 60 head -c 1 <&7 >key &
head=$!
echo k >&5
wait $head
is "0 k" "$? $(cat key)" "killed: another reader of the terminal waits for the next key"

# A terminal as people have it: lines, an end, keys that interrupt and stop.
for shell in 'bash --norc --noprofile --noediting -i' 'dash -i'; do
	# shellcheck disable=SC2086 # words
	on_terminal "${shell%% *}: a terminal on both sides, its keys, job control" $shell <<'END'
see \$ $
modes
type $LAPSE pipe --idle 60s; echo =$?\n
see \n
type once\n
see ^once\nonce\n
type \x04
see ^=0
see \$ $
type $LAPSE pipe --idle 60s\n
see \n
type again\n
see ^again\nagain\n
type \x1a
see Stopped|Suspended
see \$ $
modes
type fg\n
see pipe --idle 60s
type third\n
see ^third\nthird\n
type \x03
see \$ $
type echo =$?\n
see ^=130
see \$ $
type $LAPSE pipe --total 1s; echo =$?\n
see ^lapse pipe: time was up \(total 1s\): 0 bytes moved
see ^=124
see \$ $
type cat\n
see cat\n
type fourth\n
see ^fourth\nfourth\n
type \x04
see \$ $
modes
type exit 0\n
END
done
finish
