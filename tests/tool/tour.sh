#!/bin/sh
# lapse tour keeps every promise that it shows, on this machine, now.
. "$(dirname "$0")/common.sh"

# The scene that closes under a pending read shows a race, on the side that has no lapse.
echo race:close_posix >"$work/suppressions"
TSAN_OPTIONS="${TSAN_OPTIONS-} suppressions=$work/suppressions:print_suppressions=0"
export TSAN_OPTIONS

run "$LAPSE" tour </dev/null
is 0 "$(status)" "status"
is '' "$(cat "$work/err")" "no complaint"
scenes=$(grep -c '^ *[0-9][0-9]*  ' "$work/out")
is 1 "$((scenes >= 10))" "ten scenes or more"
is "$scenes" "$(grep -c '^    posix   *[0-9.]* ms' "$work/out")" "posix is measured in each"
is "$scenes" "$(grep -c '^    lapse  kept   *[0-9.]* ms' "$work/out")" "lapse keeps its word in each"
is '' "$(grep -e '^    lapse  broken' -e '  hangs$' "$work/out")" "nothing is broken"
has "^$scenes kept, 0 broken, in [0-9]\.[0-9] s\." "$work/out" "the sum"
is '' "$(grep '.\{101\}' "$work/out")" "no line over 100 columns"
is 0 "$(tr -cd '\033' <"$work/out" | wc -c)" "no colour in a file"
timeout 60 "$LAPSE" tour </dev/null >/dev/full 2>"$work/err"
is 1 $? "to a full device: status"
finish
