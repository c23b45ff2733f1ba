/* SPDX-License-Identifier: MIT */
/*
 * The context switch for x86-64, System V calling convention.
 *
 * What a context that was put aside has on its stack, from its stack pointer up:
 *       0  MXCSR
 *       4  x87 control word
 *       8  r15, r14, r13, r12, rbx, rbp
 *      56  the address to go on at
 *
 * Shadow stacks (CET SHSTK) are not followed: the object does not claim that it supports them, so
 * the linker leaves them off. Indirect branch tracking (CET IBT) is supported.
 */

        .text

/*
 * void valve_context_switch(struct valve_context *from (rdi),
 *                           const struct valve_context *to (rsi))
 */
        .globl  valve_context_switch
        .hidden valve_context_switch
        .type   valve_context_switch, @function
        .p2align 4
valve_context_switch:
        .cfi_startproc
        endbr64
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)

        /* Both stacks look alike here, so that the unwind table holds on either side. */
        movl    (%rsp), %eax
        movzwl  4(%rsp), %edx
        movq    %rsp, (%rdi)
        movq    (%rsi), %rsp

        /* Loading a control word stalls the pipeline, and they hardly ever differ. */
        cmpl    (%rsp), %eax
        jne     .Lload_mxcsr
.Lmxcsr_is_loaded:
        cmpw    4(%rsp), %dx
        jne     .Lload_x87
.Lx87_is_loaded:
        .cfi_remember_state
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        /* Not a ret: the processor would predict a return to where this stack was left. */
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rcx
        notrack jmp *%rcx

        .cfi_restore_state
.Lload_mxcsr:
        ldmxcsr (%rsp)
        jmp     .Lmxcsr_is_loaded
.Lload_x87:
        fldcw   4(%rsp)
        jmp     .Lx87_is_loaded
        .cfi_endproc
        .size   valve_context_switch, . - valve_context_switch

/*
 * void valve_context_prepare(struct valve_context *context (rdi), void *stack (rsi),
 *                            size_t size (rdx), void (*entry)(void *) (rcx), void *argument (r8))
 */
        .globl  valve_context_prepare
        .hidden valve_context_prepare
        .type   valve_context_prepare, @function
        .p2align 4
valve_context_prepare:
        .cfi_startproc
        endbr64
        leaq    (%rsi,%rdx), %rax
        andq    $-16, %rax
        subq    $64, %rax
        stmxcsr (%rax)
        fnstcw  4(%rax)
        xorl    %edx, %edx
        leaq    .Lbegin(%rip), %rsi
        movq    %rdx, 8(%rax)           /* r15 */
        movq    %rdx, 16(%rax)          /* r14 */
        movq    %rcx, 24(%rax)          /* r13: entry */
        movq    %r8, 32(%rax)           /* r12: argument */
        movq    %rdx, 40(%rax)          /* rbx */
        movq    %rdx, 48(%rax)          /* rbp: where a walk along frame pointers ends */
        movq    %rsi, 56(%rax)
        movq    %rax, (%rdi)
        ret
        .cfi_endproc
        .size   valve_context_prepare, . - valve_context_prepare

/* The outermost frame of every fiber: it has no caller, and says so to those who unwind. */
        .type   valve_context_begin, @function
        .p2align 4
valve_context_begin:
        .cfi_startproc
        .cfi_undefined %rip
        nop                             /* unwinding looks up the address before .Lbegin */
.Lbegin:
        endbr64
        movq    %r12, %rdi
        call    *%r13
        ud2
        .cfi_endproc
        .size   valve_context_begin, . - valve_context_begin

        .section .note.GNU-stack, "", @progbits

#if defined(__CET__) && (__CET__ & 1)
        .section .note.gnu.property, "a", @note
        .p2align 3
        .long   4                       /* length of the name */
        .long   16                      /* length of the properties */
        .long   5                       /* NT_GNU_PROPERTY_TYPE_0 */
        .asciz  "GNU"
        .long   0xc0000002              /* GNU_PROPERTY_X86_FEATURE_1_AND */
        .long   4
        .long   1                       /* IBT */
        .long   0
#endif
