# What only crashes are asked for, after questions.sh and in its form: ends of logs, and files that count by being there.
#
# Its words: the time (seconds since 1970) before which a log is too old, patterns of files that count by being there,
# then five for each kind of log: `END-BYTES BEFORE AFTER`, an expression that keeps lines (may be empty), one that drops
# lines of what was kept, patterns, and some of the words `consoles` and `always` (however old they are). What is left
# of its input after the line `own`: paths of consoles. Its output: sections
#   `text logs`: a line `MTIME KIND SIZE BLOCKS BLOCK-SIZE PATH` for each log, newest first
#   `text aside`: `0 KIND hidden 0 0 FOLDER` for a folder that hides what is asked for, `0 KIND odd 0 0 -` for a path
#     that holds a line end
#   `text batch KIND`: lines `PATH<NUL>OFFSET:TEXT` of many short logs, newest first; `text did KIND`: that is all
#   `text tail NUMBER BEGIN`: lines `OFFSET:TEXT` of one log, of which the text from BEGIN on was looked at
#   `text plain NUMBER BEGIN`: lines without offsets
#   `text shut NUMBER`: this account may not read it; `text missing NUMBER`: the host cannot unpack it
#   `text left NUMBER`: there was no time for this one and those after it; `text done`: nothing was left out
#   `text seen`: as `text logs` and `text aside`; `text begins`: `NUMBER r` and its first bytes in hexadecimal, or
#     `NUMBER -`
# KIND counts from 1, and so does NUMBER, which is a line of the list. A tail as long as its cap was cut.

cap=98304
batch_cap=786432
all_cap=2621440
seen_limit=256
time_s=7
line_end='
'
since=$1
seen=$2
shift 2

# Ended by NUL, if it is there. What is told beside goes to 4.
path() {
    if [ -f "$1" ]; then
        case $1 in
        *"$line_end"*) echo "0 $kind odd 0 0 -" >&4 ;;
        *) printf '%s\0' "$1" ;;
        esac
    elif [ ! -e "$1" ]; then
        hidden "$1"
    fi
}

# The deepest folder of a path that is there, if it hides what is in it.
hidden() {
    folder=${1%/*}
    while [ -n "$folder" ]; do
        if [ -d "$folder" ]; then
            if [ ! -r "$folder" ] || [ ! -x "$folder" ]; then printf '%s\n' "0 $kind hidden 0 0 $folder" >&4; fi
            return
        fi
        folder=${folder%/*}
    done
}

paths() {
    for each in $1; do path "$each"; done
    case $2 in
    *consoles*) printf '%s\n' "$consoles" | while IFS= read -r each; do [ -z "$each" ] || path "$each"; done ;;
    esac
}

# Busybox's timeout lets whoever waits for the output wait for a second: there, nothing but the look's end is a limit.
limited() {
    if [ -n "$offsets" ]; then timeout 5 "$@"; else "$@"; fi
}

# One program for many files: their times, sizes and names.
stats() {
    { paths "$1" "$2" | limited xargs -0 -r stat -L -c "%Y $kind %s %b %B %n" -- 2>/dev/null; } 4>&1
}

list() {
    kind=0
    while [ $# -gt 4 ]; do
        kind=$((kind + 1))
        stats "$4" "$5"
        shift 5
    done
}

# The fields of a line of the list. A blank at the end of a path stays.
fields() {
    rest=${1#* }
    kind=${rest%% *}
    rest=${rest#* }
    size=${rest%% *}
    rest=${rest#* }
    rest=${rest#* }
    name=${rest#* }
}

# What the host is asked of one kind of log.
wanted() {
    shift $((5 * (kind - 1)))
    end=${1%% *}
    context=${1#* }
    before=${context% *}
    after=${context#* }
    keep=$2
    drop=$3
}

packer() {
    case $1 in
    *.gz) packer=gzip ;;
    *.xz) packer=xz ;;
    *.bz2) packer=bzip2 ;;
    *.zst) packer=zstd ;;
    *) packer= ;;
    esac
}

# Logs that are short and plain, those of one kind by one program.
short() {
    while IFS= read -r line; do
        rest=${line#* }
        [ "${rest%% *}" = "$1" ] || continue
        fields "$line"
        packer "$name"
        if [ -z "$packer" ] && [ "$size" -le "$2" ] && [ -r "$name" ]; then
            printf '%s\0' "$name"
        fi
    done
}

batches() {
    of=0
    total=$(($# / 5))
    while [ "$of" -lt "$total" ]; do
        of=$((of + 1))
        kind=$of
        wanted "$@"
        say text "batch $of"
        {
            printf '%s\n' "$recent" | short "$of" "$end" |
                timeout 5 xargs -0 -r grep -a -b -H -Z -s -E -B "$before" -A "$after" -e "$keep" -- | dropped
            [ "$(date +%s)" -ge "$last_s" ] || say text "did $of"
        } | head -c "$batch_cap"
    done
}

# The end of one log, as its kind wants it.
one() {
    packer "$name"
    if [ -z "$packer" ] && [ -n "$offsets" ]; then
        [ "$size" -le "$end" ] && return
        begin=$(((size - end) / 4096 * 4096))
        say text "tail $number $begin"
        limited dd if="$name" bs=4096 skip=$((begin / 4096)) 2>/dev/null | head -c "$((end + 8192))" |
            grep -a -b -E -B "$before" -A "$after" -e "$keep" | dropped | tail -c "$cap"
    elif [ -z "$packer" ]; then
        begin=$((size > end ? size - end : 0))
        say text "plain $number $begin"
        limited tail -c "$end" -- "$name" | filtered
    elif command -v "$packer" >/dev/null; then
        say text "plain $number 0"
        limited "$packer" -dc <"$name" 2>/dev/null | tail -c "$end" | filtered
    else
        say text "missing $number"
    fi
}

filtered() {
    grep $binary -E -B "$before" -A "$after" -e "$keep" | dropped | tail -c "$cap"
}

dropped() {
    if [ -n "$drop" ]; then grep $binary -v -E -e "$drop"; else cat; fi
}

singles() {
    number=0
    known=0
    while IFS= read -r line; do
        number=$((number + 1))
        fields "$line"
        if [ ! -r "$name" ]; then
            say text "shut $number"
            continue
        fi
        [ "$kind" = "$known" ] || wanted "$@"
        known=$kind
        packer "$name"
        if [ -n "$offsets" ] && [ -z "$packer" ] && [ "$size" -le "$end" ]; then continue; fi
        if [ "$(date +%s)" -ge "$last_s" ]; then
            say text "left $number"
            return
        fi
        one
    done
    say text "done"
}

# Lines of the list that are not too old, or of a kind that is never too old.
young() {
    kind=0
    always=' '
    while [ $# -gt 4 ]; do
        kind=$((kind + 1))
        case $5 in *always*) always="$always$kind " ;; esac
        shift 5
    done
    while IFS= read -r line; do
        rest=${line#* }
        if [ "${line%% *}" -ge "$since" ]; then
            printf '%s\n' "$line"
        elif [ "${line%% *}" -gt 0 ]; then
            case $always in *" ${rest%% *} "*) printf '%s\n' "$line" ;; esac
        fi
    done
}

begins() {
    number=0
    while IFS= read -r line; do
        number=$((number + 1))
        [ "$number" -le "$seen_limit" ] && [ "$(date +%s)" -lt "$last_s" ] || return
        fields "$line"
        if [ -r "$name" ]; then
            printf '%s r %s\n' "$number" "$(od -An -v -tx1 -N64 "$name" 2>/dev/null | tr -d ' \n')"
        else
            echo "$number -"
        fi
    done
}

if ! command -v timeout >/dev/null || ! command -v xargs >/dev/null || ! command -v stat >/dev/null; then
    say text without
else
    consoles=$(cat)
    binary=
    offsets=
    if printf 'a\0b' | grep -a -b -H -Z -s -e a - >/dev/null 2>&1; then
        binary=-a
        offsets=yes
    fi
    last_s=$(($(date +%s) + time_s))
    listed=$(list "$@" | sort -u | sort -rn)
    recent=$(printf '%s\n' "$listed" | young "$@" 2>/dev/null)
    say text logs
    printf '%s\n' "$recent" | head -c 1048576
    say text aside
    printf '%s\n' "$listed" | grep '^0 ' | sort -u | head -c 65536
    if [ -n "$recent" ]; then
        {
            [ -z "$offsets" ] || batches "$@"
            printf '%s\n' "$recent" | singles "$@"
        } 2>/dev/null | head -c "$all_cap"
    else
        say text "done"
    fi
    kind=0
    last_s=$((last_s + 2))
    files=$(stats "$seen" '' | sort -u | sort -rn)
    say text seen
    printf '%s\n' "$files" | head -c 262144
    say text begins
    [ -z "$files" ] || printf '%s\n' "$files" | begins
fi
say text ended
date +%s.%N
