#!/bin/sh
# A client built on lapse talks to a real Redis server, which is slow when asked to be.
. "$(dirname "$0")/common.sh"

need redis-server
shared client "$guest/client.c"
background redis-server --port 0 --unixsocket "$work/socket" --save '' --appendonly no \
	--enable-debug-command local >log
until_true test -S socket
timeout 60 ./client "$work/socket" || fail "ended with $?"
