// SPDX-License-Identifier: GPL-2.0-only
// Programs that are pinned and used again.
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "loader.h"
#include "state_sample.h"

TestSuite(loader, .init = state_sample_init, .fini = world_fini);

static uint32_t id_of(int prog_fd)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	cr_assert_eq(bpf_obj_get_info_by_fd(prog_fd, &info, &len), 0, "%m");
	return info.id;
}

/* Everything pinned, as a load leaves it; @ids: out: of the programs. */
static void load(uint32_t ids[LOADER_PROGRAM_COUNT])
{
	struct diag_list diags = {};
	struct loaded loaded;

	cr_assert_eq(loader_open(BPFFS, "eth0", 1000, &loaded, &diags), 0, "%s",
		     diags.count ? diags.items[0].text : "");
	cr_assert_eq(loader_pin(&loaded, BPFFS, "eth0"), 0);
	cr_assert_eq(loader_pin_programs(&loaded, BPFFS, "eth0"), 0);
	for (int i = 0; i < LOADER_PROGRAM_COUNT; i++)
		ids[i] = id_of(loaded.programs[i]);
	loader_close(&loaded);
}

Test(loader, the_same_programs_again)
{
	uint32_t ids[LOADER_PROGRAM_COUNT];
	struct diag_list diags = {};
	struct loaded loaded;

	load(ids);
	cr_assert_eq(loader_reopen(BPFFS, "eth0", loader_object(), 1000, &loaded, &diags), 0);
	cr_expect_eq(diags.count, 0);
	for (int i = 0; i < LOADER_PROGRAM_COUNT; i++)
		cr_expect_eq(id_of(loaded.programs[i]), ids[i], "program %d", i);
	cr_expect_eq(id_of(loader_program(&loaded, ATTACH_XDP_NATIVE, true)), ids[LOADER_XDP]);
	cr_expect_eq(id_of(loader_program(&loaded, ATTACH_TCX, true)), ids[LOADER_TC_L3]);
	cr_expect_eq(id_of(loader_program(&loaded, ATTACH_CLSACT, false)), ids[LOADER_TC]);
	loader_close(&loaded);

	cr_assert_eq(loader_reopen(BPFFS, "eth0", loader_object(), 2000, &loaded, &diags), 0);
	cr_assert_eq(diags.count, 1);
	cr_expect_eq(diags.items[0].severity, DIAG_WARNING);
	loader_close(&loaded);
}

Test(loader, other_programs_are_not_used)
{
	uint32_t ids[LOADER_PROGRAM_COUNT];
	struct diag_list diags = {};
	struct loaded loaded;

	load(ids);
	cr_expect_eq(loader_reopen(BPFFS, "eth0", "", 1000, &loaded, &diags), -ESTALE);
	cr_expect_eq(loader_reopen(BPFFS, "eth0", "0123", 1000, &loaded, &diags), -ESTALE);
	cr_expect_eq(strlen(loader_object()), 32);
	cr_expect_eq(diags.count, 0);
}

Test(loader, a_pin_that_is_missing)
{
	static const char *const names[] = { "prog_xdp", "prog_tc", "prog_tc_l3",     "sweep",
					     "rulesets", "pools",   "flows_confirmed" };
	uint32_t ids[LOADER_PROGRAM_COUNT];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct diag_list diags = {};
		struct loaded loaded;
		char path[PATH_MAX];

		load(ids);
		cr_assert_eq(unlink(pins_path(path, BPFFS, "eth0", names[i])), 0, "%s", path);
		cr_expect_eq(loader_reopen(BPFFS, "eth0", loader_object(), 1000, &loaded, &diags),
			     -ENOENT, "%s", names[i]);
		cr_expect_eq(diags.count, 0);
	}
}
