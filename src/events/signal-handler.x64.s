# The handler of Signalfd for x64, position-independent. signal-handler-code.ts has its bytes;
# a test assembles it again and compares.
#
# The kernel restores every register when a handler returns, so all may be used. A syscall changes
# rax, rcx and r11, and libc's errno is never touched.

    .set SYS_write, 1
    .set SYS_getpid, 39
    .set SYS_kill, 62
    .set SYS_rt_sigqueueinfo, 129

    .set siginfo_size, 128
    .set si_signo, 0                # in siginfo_t
    .set EAGAIN, 11
    .set GIVEN_BACK, -1
    .set BROKEN, -2

    .set data, forward + 0x10000    # behind the code, on pages of its own
    .set data_active, 0             # how many threads are between the first line and the last
    .set data_fds, 64               # for each signal a descriptor, GIVEN_BACK or BROKEN
    .set data_lost, 512             # for each signal how often there was no room

    .text

# Writes the siginfo_t of a signal into the pipe that takes it.
# edi: signal, rsi: siginfo_t *, rdx: ucontext_t *
    .globl forward
forward:
    lea data(%rip), %r8
    # Before the look for the descriptor, which is not closed until this is 0 again.
    lock incl data_active(%r8)
    mov %edi, %r9d
    cmp %edi, si_signo(%rsi)
    je 1f
    # Installed without SA_SIGINFO, which Bun does for a moment: there is room for a siginfo_t, and
    # nothing in it. So the signal comes without who sent it.
    mov %rsi, %rdi
    xor %eax, %eax
    mov $siginfo_size / 8, %ecx
    cld
    rep stosq
    mov %r9d, si_signo(%rsi)

1:  mov data_fds(%r8,%r9,4), %edi
    test %edi, %edi
    js 2f
    mov $siginfo_size, %edx
    mov $SYS_write, %eax
    syscall
    cmp $siginfo_size, %eax
    je 5f
    cmp $-EAGAIN, %eax
    je 3f
    # Whoever closed it behind our back may have made SIGPIPE of this. Once is enough.
    movl $BROKEN, data_fds(%r8,%r9,4)
    jmp 3f

2:  cmp $GIVEN_BACK, %edi
    je 4f
3:  lock incl data_lost(%r8,%r9,4)
    jmp 5f

    # Given back a moment ago: the process gets it again, for what is there instead of this by now.
4:  mov $SYS_getpid, %eax
    syscall
    mov %eax, %edi
    mov %rsi, %rdx
    mov %r9d, %esi
    mov $SYS_rt_sigqueueinfo, %eax
    syscall
    test %eax, %eax
    je 5f
    # Only the main thread may say that it was kill(2) or the kernel; so without who sent it.
    mov $SYS_kill, %eax
    syscall

5:  lock decl data_active(%r8)
    ret
