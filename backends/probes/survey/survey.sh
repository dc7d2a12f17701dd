# What only the capabilities of a host are asked for, after questions.sh and in its form.

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
