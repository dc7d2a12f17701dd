# What every round of questions to a host begins with. POSIX sh: dash, busybox and bash read it alike, and few programs
# are started. What is asked beside these questions follows in a script of its own, with its words still in "$@".
#
# Its input: a line with a nonce, which nothing on the host can guess and which no list of processes shows; then a
# line `KIND PATTERN` for each question, or `run SECONDS WORDS`, or `real PATH`; after a line `own`, what only the script's
# own part reads. Its output: sections, each begun by a line
# `NONCE text NAME` (its text follows), `NONCE denied NAME`, `NONCE there` (paths of the small files that can be opened
# follow), `NONCE files` (their text follows, as lines `PATH:TEXT`), `NONCE asked WORDS` (what the command says
# follows), `NONCE ran WORDS` (its status follows, and its error output) or `NONCE late WORDS` (there was no time
# left for it). What is not there is not told.
# What programs say on their error output tells why they failed.

say() {
    printf '\n%s %s\n' "$nonce" "$*"
}

# A file that is not there, or that a folder hides from this account.
absent() {
    folder=${1%/*}
    if [ -e "$1" ] || { [ -d "$folder" ] && [ ! -x "$folder" ]; }; then
        say denied "$1"
    fi
}

device() {
    [ -e "$1" ] || return 0
    access=
    [ -r "$1" ] && access=r
    [ -w "$1" ] && access=${access}w
    say text "$1"
    echo "${access:--}"
}

names() {
    [ -d "$1" ] || return 0
    if [ ! -r "$1" ] || [ ! -x "$1" ]; then
        say denied "$1"
        return 0
    fi
    say text "$1"
    for entry in "$1"/*; do
        if [ -e "$entry" ] || [ -L "$entry" ]; then
            echo "${entry##*/}"
        fi
    done | head -n 4096
}

# A command, if the host has it, and a limit of seconds. Where even killing it does not help (a disk that is gone), it
# is left alone: it writes into a pipe of its own, so that nothing waits for it.
run() {
    limit=$1
    shift
    if ! command -v "$1" >/dev/null || ! command -v timeout >/dev/null; then return 0; fi
    if [ "$(date +%s)" -ge "$latest" ]; then
        say late "$*"
        return 0
    fi
    say asked "$*"
    {
        {
            said=$(timeout -k 1 "$limit" "$@" 2>&1 >&3 3>&- </dev/null)
            status=$?
            printf '\n%s ran %s\n%s\n%.2000s\n' "$nonce" "$*" "$status" "$said" >&3
        } 3>&1 >/dev/null 2>&1 &
    } | timeout "$((limit + 2))" head -c 1048576
}

PATH=$PATH:/usr/sbin:/sbin
latest=$(($(date +%s) + 12))
IFS= read -r nonce
say text began
date +%s.%N
say text 'id -u'
id -u
say text 'id -un'
id -un
say text 'uname -m'
uname -m

# Paths of which the script's own part tells where they lead to.
links=

# A function, so that the script's own words stay what they are.
ask_files() {
    while read -r kind pattern && [ "$kind" != own ]; do
        if [ "$kind" = run ]; then
            set -f
            # shellcheck disable=SC2086
            run $pattern
            set +f
            continue
        fi
        if [ "$kind" = real ]; then
            links="$links$pattern
"
            continue
        fi
        for path in $pattern; do
            case $kind in
            file) if [ -r "$path" ]; then set -- "$@" "$path"; else absent "$path"; fi ;;
            names) names "$path" ;;
            device) device "$path" ;;
            head)
                if [ -r "$path" ]; then
                    say text "$path"
                    head -c 16384 "$path"
                else
                    absent "$path"
                fi
                ;;
            bytes)
                if [ -r "$path" ]; then
                    say text "$path"
                    od -An -v -tu1 -N64 "$path"
                else
                    absent "$path"
                fi
                ;;
            esac
        done
    done
    if [ $# -gt 0 ]; then
        say there
        printf '%s\n' "$@"
        say files
        grep -H -m 400 "" "$@"
    fi
}
ask_files
