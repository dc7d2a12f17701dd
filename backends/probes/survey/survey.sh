# One round of questions to a host. POSIX sh: dash, busybox and bash read it alike, and few programs are started.
#
# Its input: a line with a nonce, which nothing on the host can guess and which no list of processes shows; then a
# line `KIND PATTERN` for each question. Its output: sections, each begun by a line `NONCE text NAME` (its text
# follows), `NONCE denied NAME`, `NONCE there` (paths of the small files that can be opened follow) or `NONCE files`
# (their text follows, as lines `PATH:TEXT`). What is not there is not told.
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

# The first processor's lines, and of the others what is not said yet; then how many there are of what.
processor() {
    NONCE=$nonce awk '
        BEGIN { own = "^(processor|processor [0-9]+|cpu number|hart|physical id|siblings|core id|apicid|" \
                      "initial apicid|cpu MHz.*|bogomips|BogoMIPS|clock|address|identification)$" }
        /^[ \t]*$/ { if (threads) later = 1; next }
        {
            key = $0; sub(/[ \t]*:.*$/, "", key)
            value = $0; sub(/^[^:]*:[ \t]*/, "", value)
            if (key == "processor" || key ~ /^processor [0-9]+$/) threads++
            if (key == "physical id") { package = value; if (!(value in packages)) { packages[value]; sockets++ } }
            if (key == "core id" && !((package, value) in units)) { units[package, value]; cores++ }
            if (later && key ~ own) next
            if (key ~ /^processor [0-9]+$/ && threads > 1) next
            if (told < 60000 && !($0 in said)) { said[$0]; told += length($0); print substr($0, 1, 16000) }
        }
        END { printf "\n%s text processors\n%d %d %d\n", ENVIRON["NONCE"], threads, cores, sockets }
    ' /proc/cpuinfo
}

topology() {
    grep -H "" /sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list \
        /sys/devices/system/cpu/cpu[0-9]*/topology/core_siblings_list 2>/dev/null | awk -F: '
        /thread_siblings_list:/ && !($2 in cores) { cores[$2]; c++ }
        /core_siblings_list:/ && !($2 in packages) { packages[$2]; p++ }
        END { printf "%d %d\n", c, p }'
}

# A model-specific register: the offset is its number. Two programs share one open file, so that no tool is needed
# that can skip bytes; eight bytes are the size of a register (msr(4)).
register() {
    [ -e /dev/cpu/0/msr ] || return 0
    if [ ! -r /dev/cpu/0/msr ]; then
        say denied "/dev/cpu/0/msr $1"
        return 0
    fi
    say text "/dev/cpu/0/msr $1"
    {
        dd bs="$2" skip="$3" count=0 2>/dev/null
        dd bs=8 count=1 2>/dev/null
    } </dev/cpu/0/msr | od -An -v -tx1
}

IFS= read -r nonce
say text began
date +%s.%N
say text 'id -u'
id -u
say text 'id -un'
id -un
say text 'uname -m'
uname -m

set --
while read -r kind pattern; do
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
if [ -r /proc/cpuinfo ]; then
    say text /proc/cpuinfo
    if command -v awk >/dev/null; then processor; else head -c 60000 /proc/cpuinfo; fi
else
    absent /proc/cpuinfo
fi
say text topology
topology
register 0x3a 2 29
register 0xc0010114 4 805322821
if command -v dmesg >/dev/null; then
    say text dmesg
    dmesg | grep -iE "$1" | grep -vE 'iommu group|unhandled|ignored|vcpu[0-9]' | head -n 400 | head -c 65536
fi
say text ended
date +%s.%N
