/* SPDX-License-Identifier: GPL-2.0-only */
/* A state in which no field is what it is by default, and a BPF file system to keep it in. */
#ifndef XDPFWD_TESTS_STATE_SAMPLE_H
#define XDPFWD_TESTS_STATE_SAMPLE_H

#include <criterion/criterion.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>
#include "pins.h"
#include "plan_world.h"
#include "state.h"

#define BPFFS "/mnt/bpf"

/* A BPF file system of the test's own, in a mount namespace that ends with it. */
static inline void state_sample_init(void)
{
	struct diag_list diags = {};

	if (geteuid() != 0)
		cr_skip_test("needs root for a BPF file system");
	cr_assert_eq(unshare(CLONE_NEWNS), 0, "%m");
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0, "%m");
	cr_assert_eq(mount("tmpfs", "/mnt", "tmpfs", 0, NULL), 0, "%m");
	cr_assert_geq(pins_lock(BPFFS, &diags), 0, "%s", diags.items ? diags.items[0].text : "");
	cr_assert_eq(pins_make(BPFFS, "eth0"), 0);
	world_init();
}

#define STATE_SAMPLE_CONFIG                                                                        \
	HOME "masquerade_address = [\"198.18.9.1\", \"198.18.7.1\"]\n"                             \
	     "[backend.away]\naddress = \"198.18.7.2\"\n"                                          \
	     "[[forward]]\nname = \"dns\"\nprotocol = [\"tcp\", \"udp\"]\nports = [53, "           \
	     "\"60-69\"]\n"                                                                        \
	     "to_port = 1053\nbackend = \"home\"\nsource = \"preserve\"\n" FORWARD_TO("away",      \
										      "udp", "80") \
		     MASQUERADE_TO("home", "udp",                                                  \
				   "443") "deny = [\"203.0.113.7\", \"2001:db8:5::/48\"]\n"

/* A state in which no field is what it is by default. */
static inline struct state *make_state(void)
{
	static const struct plan_counter before[] = { { "gone", PROTO_UDP } };
	struct state *state;

	world.in.mode = MODE_NATIVE;
	world.in.generation = 4000000000U;
	world.in.counters = before;
	world.in.counter_count = 1;
	world.in.forwarding_before[FAMILY_V6] = true;
	world.reserved_before = port_set("9000-9001");
	expect_plan(STATE_SAMPLE_CONFIG);
	state = state_from_plan(world.plan, world.config, "/etc/ports.toml", true, 4711);
	cr_assert(state);
	state->hooks[1].made_qdisc = true;
	state->reload_failed = true;
	strcpy(state->object, "0123456789abcdef0123456789abcdef");
	return state;
}

#endif
