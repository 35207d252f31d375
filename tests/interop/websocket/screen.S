/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A boot sector with something to see: eight upright stripes, in the lower half
 * of the screen in the opposite order. Each key that is pressed moves the
 * colours on by one stripe.
 */
	.code16
	.globl	_start
_start:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0x7c00, %sp
	cld
	movw	$0x0013, %ax		/* 320x200, 256 colours */
	int	$0x10
	movw	$0xa000, %ax
	movw	%ax, %es

draw:
	xorw	%di, %di
	movw	$200, %dx		/* rows left */
row:
	xorw	%si, %si		/* stripe */
stripe:
	movw	%si, %bx
	cmpw	$100, %dx
	ja	1f
	xorw	$7, %bx
1:	addw	moved, %bx
	andw	$7, %bx
	movb	colours(%bx), %al
	movw	$40, %cx
	rep stosb
	incw	%si
	cmpw	$8, %si
	jb	stripe
	decw	%dx
	jnz	row

	xorw	%ax, %ax		/* wait for a key */
	int	$0x16
	incw	moved
	jmp	draw

moved:	.word	0
	/* blue, green, red, yellow, white, magenta, cyan, brown */
colours:
	.byte	1, 2, 4, 14, 15, 5, 3, 6

	.org	510
	.word	0xaa55
