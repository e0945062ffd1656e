# shellcheck shell=bash
# compiler.sh - which compiler is for which 32-bit core; bash sources it.

# compiler CORE: in $cc and $tools
compiler() {
    case $1 in
    cortex-*)
        tools=arm-none-eabi-
        cc="${tools}gcc -mthumb -mcpu=$1 --specs=nano.specs"
        ;;
    rv32*) # rv32imac_zicsr has no libc; 2.2 has those instructions without
        tools=riscv64-unknown-elf-
        cc="${tools}gcc -march=$1 -mabi=ilp32 -misa-spec=2.2"
        cc="$cc --specs=picolibc.specs"
        ;;
    esac
    cc="$cc -Os -ffunction-sections -fdata-sections"
}
