# The handler of Signalfd for x64, position-independent. signal-handler-code.ts has its bytes;
# a test assembles it again and compares.
#
# Called by the kernel, which restores every register afterwards, or at the end of a handler that has
# replaced this one and remembers it: so only what a function may change is changed. A syscall changes
# rax, rcx and r11, and libc's errno is never touched.

    .set SYS_write, 1
    .set SYS_rt_sigaction, 13
    .set SYS_getpid, 39
    .set SYS_kill, 62
    .set SYS_rt_sigqueueinfo, 129
    .set SYS_tgkill, 234

    .set siginfo_size, 128
    .set si_signo, 0                # in siginfo_t
    .set uc, 8                      # in what the kernel puts on the stack
    .set ESRCH, 3
    .set EBADF, 9
    .set EPIPE, 32
    .set GIVEN_BACK, -1

    .set data, forward + 0x10000    # behind the code, on pages of its own
    .set data_active, 0             # how many threads are between the first line and the last
    .set data_fds, 64               # for each signal a descriptor, or GIVEN_BACK
    .set data_lost, 512             # for each signal how often there was no room
    .set data_owner, 1024           # the thread that reads
    .set data_saved, 4096           # for each signal what is there instead of this: libc's struct sigaction
    .set saved_size, 152
    .set saved_mask, 8
    .set saved_flags, 136

    .set sigset_size, 8
    .set SA_SIGINFO, 4
    .set SA_RESTORER, 0x04000000

    .set sa_handler, 0              # on the stack: the kernel's struct sigaction
    .set sa_flags, 8
    .set sa_mask, 24
    .set info, 32                   # siginfo_t *
    .set caller, 40                 # 0 for the kernel
    .set frame_size, 48

    .text

# Writes the siginfo_t of a signal into the pipe that takes it.
# edi: signal, rsi: siginfo_t *, rdx: ucontext_t *
    .globl forward
forward:
self:                               # the address of a global symbol would be left to a linker
    lea data(%rip), %r8
    # Before the look for the descriptor, which is not closed until this is 0 again.
    lock incl data_active(%r8)
    mov %edi, %r9d
    lea uc(%rsp), %rax
    sub $frame_size, %rsp
    mov %rsi, info(%rsp)
    sub %rdx, %rax
    mov %rax, caller(%rsp)
    jne 1f
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

    # A Worker that was terminated reads nothing any more.
1:  mov $SYS_getpid, %eax
    syscall
    mov %eax, %edi
    mov data_owner(%r8), %esi
    xor %edx, %edx
    mov $SYS_tgkill, %eax
    syscall
    cmp $-ESRCH, %eax
    je 3f

    mov data_fds(%r8,%r9,4), %edi
    test %edi, %edi
    js 3f
    mov info(%rsp), %rsi
    mov $siginfo_size, %edx
    mov $SYS_write, %eax
    syscall
    cmp $siginfo_size, %eax
    je 5f
    cmp $-EBADF, %eax
    je 2f
    cmp $-EPIPE, %eax
    je 2f
    lock incl data_lost(%r8,%r9,4)
    jmp 5f

    # Closed behind our back. Unless it is another one by now, that was all.
2:  mov %edi, %eax
    mov $GIVEN_BACK, %ecx
    lock cmpxchg %ecx, data_fds(%r8,%r9,4)

    # Given back. Whoever has replaced this has handled it; and called by the kernel, the process gets it
    # again, for what is there instead of this by now, ...
3:  cmpq $0, caller(%rsp)
    jne 5f
    movq $0, sa_handler(%rsp)
    mov %r9d, %edi
    xor %esi, %esi
    mov %rsp, %rdx
    mov $sigset_size, %r10d
    mov $SYS_rt_sigaction, %eax
    syscall
    lea self(%rip), %rax
    cmp %rax, sa_handler(%rsp)
    jne 4f
    # ... which is not this, should somebody have put this back.
    imul $saved_size, %r9, %rcx
    lea data_saved(%r8,%rcx), %rcx
    mov (%rcx), %rax
    # Bun puts it back without SA_SIGINFO, after what it does when its last listener is gone: SIG_DFL.
    xor %edx, %edx
    testl $SA_SIGINFO, sa_flags(%rsp)
    cmove %rdx, %rax
    mov %rax, sa_handler(%rsp)
    mov saved_mask(%rcx), %rax
    mov %rax, sa_mask(%rsp)
    mov saved_flags(%rcx), %eax
    andl $SA_RESTORER, sa_flags(%rsp)
    or %eax, sa_flags(%rsp)
    mov %rsp, %rsi
    mov $SYS_rt_sigaction, %eax
    syscall

4:  mov $SYS_getpid, %eax
    syscall
    mov %eax, %edi
    mov %r9d, %esi
    mov info(%rsp), %rdx
    mov $SYS_rt_sigqueueinfo, %eax
    syscall
    test %eax, %eax
    je 5f
    # Only the main thread may say that it was kill(2) or the kernel; so without who sent it.
    mov $SYS_kill, %eax
    syscall

5:  cmpq $0, caller(%rsp)
    jne 6f
    # So that without SA_SIGINFO the next one in this place is not taken for this one.
    mov info(%rsp), %rsi
    movl $0, si_signo(%rsi)
6:  add $frame_size, %rsp
    lock decl data_active(%r8)
    ret
