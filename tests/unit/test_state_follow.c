// SPDX-License-Identifier: GPL-2.0-only
// A state that is looked at again and again.
#include <errno.h>
#include "state_sample.h"

TestSuite(state_follow, .init = state_sample_init, .fini = world_fini);

Test(state_follow, what_is_new)
{
	struct state *written = make_state(), *state = NULL, *before;
	struct state_mark mark = {};

	cr_assert_eq(state_follow(BPFFS, "eth0", &mark, &state), -ENOENT);
	cr_expect_null(state);
	cr_assert_eq(state_write(BPFFS, written), 0);
	cr_assert_eq(state_follow(BPFFS, "eth0", &mark, &state), 0);
	cr_assert(state);
	cr_expect_eq(state->generation, 4000000000U);

	/* Nothing is read again while nothing is written. */
	before = state;
	state->generation = 1;
	cr_assert_eq(state_follow(BPFFS, "eth0", &mark, &state), 0);
	cr_expect_eq(state, before);
	cr_expect_eq(state->generation, 1);
	written->generation = 7;
	cr_assert_eq(state_write(BPFFS, written), 0);
	cr_assert_eq(state_follow(BPFFS, "eth0", &mark, &state), 0);
	cr_expect_eq(state->generation, 7);

	/* Unloaded and loaded again: another map, which was written as often. */
	cr_assert_eq(pins_remove(BPFFS, "eth0"), 0);
	cr_assert_eq(pins_make(BPFFS, "eth0"), 0);
	written->generation = 8;
	cr_assert_eq(state_write(BPFFS, written), 0);
	cr_assert_eq(state_write(BPFFS, written), 0);
	cr_assert_eq(state_follow(BPFFS, "eth0", &mark, &state), 0);
	cr_expect_eq(state->generation, 8);
	cr_assert_eq(pins_remove(BPFFS, "eth0"), 0);
	cr_assert_eq(state_follow(BPFFS, "eth0", &mark, &state), -ENOENT);
	cr_expect_null(state);
	state_free(written);
}
