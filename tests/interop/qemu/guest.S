/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guest.S -- the smallest guest that is worth migrating.
 *
 * A multiboot (v1) kernel, 32-bit protected mode, flat segments, no paging.
 * Load it with  qemu -kernel guest.elf -append "fill=256 dirty=0 verify=0".
 *
 *   fill   MiB of RAM, from 16 MiB upwards, filled once with a pattern which is
 *          a function of the address alone: f(a) is a bijection on 32-bit words
 *          with f(0)=0, so every word is non-zero, all words differ, and
 *          neither zero-page detection nor compression finds anything.
 *          Being a function of the address, it can be re-checked anywhere.
 *   dirty  MiB directly above, of which one word in every page is rewritten at
 *          every tick (working set kept dirty; 0 = none).
 *   verify KiB of the filled region re-computed and compared at every tick
 *          (0 = none).
 *
 * A tick is 1/20 s (PIT, IRQ0); between ticks the CPU halts, so that the vCPU
 * does not take the host CPU away from what is measured.  At every tick one
 * line is written to COM1:
 *
 *   T=<tick> P=<complete verify passes> E=<words found wrong>     (hex)
 *
 * and "READY" once before the first one.  T is kept in RAM, hence it is
 * continuous over a migration.
 */
	.set	FILL_BASE, 16 << 20
	.set	COM1, 0x3f8
	.set	PIT_DIV, 59659			/* 1193182 / 20 Hz */

	.section .multiboot, "a"
	.align	4
	.long	0x1BADB002, 0, -0x1BADB002

	.text
	.globl	_start
_start:
	cli
	movl	$stack_top, %esp
	lgdt	gdt_desc
	ljmp	$0x08, $1f
1:	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	cld

	/* command line: the first three decimal numbers that follow a '=' */
	testl	$4, (%ebx)
	jz	2f
	movl	16(%ebx), %esi
	call	number
	movl	%eax, fill_mib
	call	number
	movl	%eax, dirty_mib
	call	number
	movl	%eax, verify_kib
2:
	call	serial_init

	/* fill */
	movl	$FILL_BASE, %edi
	movl	fill_mib, %ebp
	shll	$20, %ebp
	addl	%edi, %ebp
	movl	%ebp, fill_end
	movl	$FILL_BASE, cursor
3:	cmpl	%ebp, %edi
	jae	4f
	call	pattern4k
	jmp	3b
4:
	movl	$ready, %esi
	call	puts
	call	irq_init

	/* one turn per tick */
tick:
	sti
	hlt
	cli
	xorl	%eax, %eax
	xchgl	%eax, fired
	testl	%eax, %eax
	jz	tick

	/* keep the working set dirty */
	movl	tcount, %eax
	incl	%eax
	movl	%eax, tcount
	movl	fill_end, %edi
	movl	dirty_mib, %ecx
	shll	$8, %ecx			/* MiB -> pages */
	jz	6f
5:	movl	%eax, (%edi)
	addl	$4096, %edi
	decl	%ecx
	jnz	5b
6:
	/* verify the next piece */
	movl	verify_kib, %ecx
	shll	$8, %ecx			/* KiB -> words */
	jz	9f
	cmpl	$0, fill_mib
	je	9f
	movl	cursor, %edi
7:	call	f
	cmpl	%eax, (%edi)
	je	8f
	incl	errors
8:	addl	$4, %edi
	cmpl	fill_end, %edi
	jb	81f
	movl	$FILL_BASE, %edi
	incl	passes
81:	decl	%ecx
	jnz	7b
	movl	%edi, cursor
9:
	movl	$s_t, %esi
	call	puts
	movl	tcount, %eax
	call	puthex
	movl	$s_p, %esi
	call	puts
	movl	passes, %eax
	call	puthex
	movl	$s_e, %esi
	call	puts
	movl	errors, %eax
	call	puthex
	movb	$'\n', %al
	call	putc
	jmp	tick

/* %edi = address -> %eax = f(address); clobbers %edx */
f:
	imull	$0x9E3779B1, %edi, %eax
	movl	%eax, %edx
	shrl	$15, %edx
	xorl	%edx, %eax
	imull	$0x85EBCA77, %eax, %eax
	movl	%eax, %edx
	shrl	$13, %edx
	xorl	%edx, %eax
	ret

/* fill one page at %edi; leaves %edi behind it */
pattern4k:
	movl	$1024, %ecx
1:	imull	$0x9E3779B1, %edi, %eax
	movl	%eax, %edx
	shrl	$15, %edx
	xorl	%edx, %eax
	imull	$0x85EBCA77, %eax, %eax
	movl	%eax, %edx
	shrl	$13, %edx
	xorl	%edx, %eax
	movl	%eax, (%edi)
	addl	$4, %edi
	decl	%ecx
	jnz	1b
	ret

/* %esi = text -> %eax = number behind the next '=' (0 when none) */
number:
	xorl	%eax, %eax
1:	movzbl	(%esi), %edx
	testl	%edx, %edx
	jz	3f
	incl	%esi
	cmpl	$'=', %edx
	jne	1b
2:	movzbl	(%esi), %edx
	subl	$'0', %edx
	cmpl	$9, %edx
	ja	3f
	imull	$10, %eax, %eax
	addl	%edx, %eax
	incl	%esi
	jmp	2b
3:	ret

serial_init:
	movw	$COM1+1, %dx
	xorb	%al, %al
	outb	%al, %dx			/* no interrupts */
	movw	$COM1+3, %dx
	movb	$0x80, %al
	outb	%al, %dx
	movw	$COM1, %dx
	movb	$1, %al
	outb	%al, %dx			/* 115200 */
	movw	$COM1+1, %dx
	xorb	%al, %al
	outb	%al, %dx
	movw	$COM1+3, %dx
	movb	$3, %al
	outb	%al, %dx			/* 8n1 */
	ret

putc:	/* %al */
	pushl	%edx
	pushl	%eax
	movw	$COM1+5, %dx
1:	inb	%dx, %al
	testb	$0x20, %al
	jz	1b
	popl	%eax
	movw	$COM1, %dx
	outb	%al, %dx
	popl	%edx
	ret

puts:	/* %esi */
1:	lodsb
	testb	%al, %al
	jz	2f
	call	putc
	jmp	1b
2:	ret

puthex:	/* %eax, 8 digits */
	movl	%eax, %ebx
	movl	$8, %ecx
1:	roll	$4, %ebx
	movl	%ebx, %eax
	andl	$15, %eax
	movb	digits(%eax), %al
	call	putc
	decl	%ecx
	jnz	1b
	ret

irq_init:
	/* IDT entries 0x20..0x2f -> isr */
	movl	$idt + 0x20*8, %edi
	movl	$16, %ecx
1:	movl	$isr, %eax
	movw	%ax, (%edi)
	movw	$0x08, 2(%edi)
	movw	$0x8e00, 4(%edi)
	shrl	$16, %eax
	movw	%ax, 6(%edi)
	addl	$8, %edi
	decl	%ecx
	jnz	1b
	lidt	idt_desc
	/* both PICs to 0x20/0x28; all masked but IRQ0 */
	movb	$0x11, %al
	outb	%al, $0x20
	outb	%al, $0xa0
	movb	$0x20, %al
	outb	%al, $0x21
	movb	$0x28, %al
	outb	%al, $0xa1
	movb	$4, %al
	outb	%al, $0x21
	movb	$2, %al
	outb	%al, $0xa1
	movb	$1, %al
	outb	%al, $0x21
	outb	%al, $0xa1
	movb	$0xfe, %al
	outb	%al, $0x21
	movb	$0xff, %al
	outb	%al, $0xa1
	/* PIT channel 0, mode 2 */
	movb	$0x34, %al
	outb	%al, $0x43
	movb	$(PIT_DIV & 255), %al
	outb	%al, $0x40
	movb	$(PIT_DIV >> 8), %al
	outb	%al, $0x40
	ret

isr:
	pushl	%eax
	movl	$1, fired
	movb	$0x20, %al
	outb	%al, $0x20
	popl	%eax
	iret

	.section .rodata
digits:	.ascii	"0123456789abcdef"
ready:	.asciz	"READY\n"
s_t:	.asciz	"T="
s_p:	.asciz	" P="
s_e:	.asciz	" E="
	.align	8
gdt:	.quad	0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_desc:
	.word	. - gdt - 1
	.long	gdt
idt_desc:
	.word	256*8 - 1
	.long	idt

	.bss
	.align	8
idt:	.space	256*8
fill_mib:   .space 4
dirty_mib:  .space 4
verify_kib: .space 4
fill_end:   .space 4
cursor:     .space 4
tcount:     .space 4
passes:     .space 4
errors:     .space 4
fired:      .space 4
	.space	4096
stack_top:
