#!/bin/sh
# A worker for the floor of attempts: called as a real one is, it does what course.sh in the state directory says.
# It lives in shell so that it can die, hang and leave children behind as no tidy program would.
if [ -z "$INSIDE" ]; then
    export INSIDE=1
    exec setsid "$0" "$@"
fi
state=$2/../../..
cd "$2" || exit 1

# One fact a line, as every worker writes them.
say() {
    printf '{"version":1,"at":"2026-11-20T02:00:00Z","fact":%s}\n' "$1" >> events.jsonl
}

# The first fact: pid, start time (field 22 of stat, the 20th behind the command's name), and where they count.
began() {
    started=$(sed 's/.*) //' /proc/$$/stat | cut -d ' ' -f 20)
    realm="{\"boot\":\"$(cat /proc/sys/kernel/random/boot_id)\",\"namespace\":$(stat -Lc %i /proc/self/ns/pid)}"
    say "{\"began\":{\"pid\":$$,\"started\":$started,\"realm\":$realm}}"
}

# Blocks for ever and lets traps run; what it starts is a child in the worker's own group.
hang() {
    tail -f /dev/null &
    while :; do wait $!; done
}

succeed() {
    say '{"ended":{"succeeded":{"server":{"not_started":{"reason":"as asked"}}}}}'
    exit 0
}

. "$state/course.sh"
