# Says that something has happened, for as long as somebody listens. POSIX sh: dash, busybox and bash read it alike.
#
# Its words: patterns of logs and files, then what journalctl is asked to follow. Its output: a line `stir` when one of
# them has changed, or what the journal says; and a line `.` now and then, so that a silent host is known to be there.
# It ends when its input does. What it starts ends by itself: nothing is left when this shell is killed.

patterns=$1
shift
PATH=$PATH:/usr/sbin:/sbin
beat_s=15

# Times and sizes in the order of the names.
state() {
    # shellcheck disable=SC2086
    stat -L -c '%n %Y %s' -- $patterns 2>/dev/null
}

# Lines of the second that are not among the first.
without() {
    { printf '%s\n' "$1" && echo / && printf '%s\n' "$2"; } |
        awk '$0 == "/" { second = 1; next } !second { known[$0]; next } !($0 in known)' 2>/dev/null
}

# Names of the files that were changed since something was told.
changed() {
    without "$last" "$now" | sed 's/ [0-9]* [0-9]*$//'
}

# Has one of them not been changed the last two times?
is_other() {
    [ -n "$(without "$busy
$busy_before" "$names")" ]
}

# A second of waiting; false when the input has ended. Without timeout(1) the end is only seen when something is told.
pause() {
    if [ -z "$patient" ]; then
        sleep 1
        return 0
    fi
    ! timeout 1 cat >/dev/null 2>&1
}

# The next one begins before the last one ends, so that no line falls between them.
follow_journal() {
    timeout $((beat_s + 2)) journalctl --follow --quiet --lines=0 --output=cat "$@" </dev/null 2>/dev/null &
    older=$follower
    follower=$!
}

# They end by themselves, but hold the output until then. A process of that number that is no child of ours is another.
end_follower() {
    if [ -n "$1" ] && read -r _ _ _ parent _ 2>/dev/null <"/proc/$1/stat" && [ "$parent" = $$ ]; then
        kill "$1"
    fi
}

older=
follower=
patient=
command -v timeout >/dev/null && patient=yes
journal=
[ -n "$patient" ] && command -v journalctl >/dev/null && journal=yes
[ -z "$journal" ] || follow_journal "$@"
last=$(state)
echo stir
seconds=0
in_a_row=0
told=0
busy=
busy_before=
while pause; do
    seconds=$((seconds + 1))
    now=$(state)
    if [ "$now" = "$last" ]; then
        in_a_row=0
    else
        names=$(changed)
        told=$((told + 1))
        # What changes without end is told every second, then every second second, and then every fourth; it must not
        # keep us from telling of another file at once.
        if is_other || [ "$told" -gt $((in_a_row > 7 ? 3 : in_a_row > 3 ? 1 : 0)) ]; then
            echo stir || exit
            last=$now
            told=0
            in_a_row=$((in_a_row + 1))
            busy_before=$busy
            busy=$names
        fi
    fi
    if [ "$seconds" -ge "$beat_s" ]; then
        seconds=0
        echo . || exit
        [ -z "$journal" ] || follow_journal "$@"
    fi
done
end_follower "$older" 2>/dev/null
end_follower "$follower" 2>/dev/null
