/* SPDX-License-Identifier: MIT */
/*
 * The context switch for aarch64, AAPCS64 calling convention.
 *
 * What a context that was put aside has on its stack, from its stack pointer up:
 *       0  x19 to x28
 *      80  x29 (frame pointer), x30 (the address to go on at)
 *      96  d8 to d15
 *     160  FPCR
 *
 * Callers that sign return addresses (PAC) have done so for their own stack pointer, which is the
 * same when they go on; nothing is signed here. Landing pads (BTI) are written as hints, which
 * older processors ignore.
 */

#define FRAME_SIZE 176

        .text

/*
 * void valve_context_switch(struct valve_context *from (x0),
 *                           const struct valve_context *to (x1))
 */
        .globl  valve_context_switch
        .hidden valve_context_switch
        .type   valve_context_switch, %function
        .p2align 4
valve_context_switch:
        .cfi_startproc
        hint    #34                     /* bti c */
        sub     sp, sp, #FRAME_SIZE
        .cfi_adjust_cfa_offset FRAME_SIZE
        stp     x19, x20, [sp, #0]
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        .cfi_rel_offset x19, 0
        .cfi_rel_offset x20, 8
        .cfi_rel_offset x21, 16
        .cfi_rel_offset x22, 24
        .cfi_rel_offset x23, 32
        .cfi_rel_offset x24, 40
        .cfi_rel_offset x25, 48
        .cfi_rel_offset x26, 56
        .cfi_rel_offset x27, 64
        .cfi_rel_offset x28, 72
        .cfi_rel_offset x29, 80
        .cfi_rel_offset x30, 88
        .cfi_rel_offset d8, 96
        .cfi_rel_offset d9, 104
        .cfi_rel_offset d10, 112
        .cfi_rel_offset d11, 120
        .cfi_rel_offset d12, 128
        .cfi_rel_offset d13, 136
        .cfi_rel_offset d14, 144
        .cfi_rel_offset d15, 152
        mrs     x9, fpcr
        str     x9, [sp, #160]

        /* Both stacks look alike here, so that the unwind table holds on either side. */
        mov     x10, sp
        str     x10, [x0]
        ldr     x10, [x1]
        mov     sp, x10

        /* Writing FPCR stalls the pipeline, and it hardly ever differs. */
        ldr     x10, [sp, #160]
        cmp     x9, x10
        b.eq    .Lfpcr_is_loaded
        msr     fpcr, x10
.Lfpcr_is_loaded:
        ldp     x19, x20, [sp, #0]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        add     sp, sp, #FRAME_SIZE
        .cfi_def_cfa_offset 0
        .cfi_restore x19
        .cfi_restore x20
        .cfi_restore x21
        .cfi_restore x22
        .cfi_restore x23
        .cfi_restore x24
        .cfi_restore x25
        .cfi_restore x26
        .cfi_restore x27
        .cfi_restore x28
        .cfi_restore x29
        .cfi_restore x30
        .cfi_restore d8
        .cfi_restore d9
        .cfi_restore d10
        .cfi_restore d11
        .cfi_restore d12
        .cfi_restore d13
        .cfi_restore d14
        .cfi_restore d15
        ret
        .cfi_endproc
        .size   valve_context_switch, . - valve_context_switch

/*
 * void valve_context_prepare(struct valve_context *context (x0), void *stack (x1),
 *                            size_t size (x2), void (*entry)(void *) (x3), void *argument (x4))
 */
        .globl  valve_context_prepare
        .hidden valve_context_prepare
        .type   valve_context_prepare, %function
        .p2align 4
valve_context_prepare:
        .cfi_startproc
        hint    #34                     /* bti c */
        add     x9, x1, x2
        and     x9, x9, #-16
        sub     x9, x9, #FRAME_SIZE
        adr     x10, .Lbegin
        mrs     x11, fpcr
        stp     x3, x4, [x9, #0]        /* x19: entry, x20: argument */
        stp     xzr, xzr, [x9, #16]
        stp     xzr, xzr, [x9, #32]
        stp     xzr, xzr, [x9, #48]
        stp     xzr, xzr, [x9, #64]
        stp     xzr, x10, [x9, #80]     /* x29 zero: where a walk along frame pointers ends */
        stp     xzr, xzr, [x9, #96]
        stp     xzr, xzr, [x9, #112]
        stp     xzr, xzr, [x9, #128]
        stp     xzr, xzr, [x9, #144]
        str     x11, [x9, #160]
        str     x9, [x0]
        ret
        .cfi_endproc
        .size   valve_context_prepare, . - valve_context_prepare

/* The outermost frame of every fiber: it has no caller, and says so to those who unwind. */
        .type   valve_context_begin, %function
        .p2align 4
valve_context_begin:
        .cfi_startproc
        .cfi_undefined x30
        nop                             /* unwinding looks up the address before .Lbegin */
.Lbegin:
        mov     x0, x20
        blr     x19
        brk     #1
        .cfi_endproc
        .size   valve_context_begin, . - valve_context_begin

        .section .note.GNU-stack, "", %progbits

#if defined(__ARM_FEATURE_BTI_DEFAULT)
        .section .note.gnu.property, "a", %note
        .p2align 3
        .word   4                       /* length of the name */
        .word   16                      /* length of the properties */
        .word   5                       /* NT_GNU_PROPERTY_TYPE_0 */
        .asciz  "GNU"
        .word   0xc0000000              /* GNU_PROPERTY_AARCH64_FEATURE_1_AND */
        .word   4
        .word   1                       /* BTI */
        .word   0
#endif
