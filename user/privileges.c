// SPDX-License-Identifier: GPL-2.0-only
// Giving up the capabilities that nothing here takes.
#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include "privileges.h"

/* The same as in packaging/systemd/xdpfwd@.service, and what kernels before 5.11 need. */
static const unsigned kept[] = {
	CAP_BPF,
	CAP_PERFMON,	      /* maps and programs */
	CAP_NET_ADMIN,	      /* hooks, neighbours, net sysctls */
	CAP_SYS_ADMIN,	      /* maps and programs by their ids, mounting BPFFS */
	CAP_SYS_PTRACE,	      /* whose a socket is */
	CAP_DAC_READ_SEARCH,  /* a config, keys and certificates of other users */
	CAP_NET_BIND_SERVICE, /* metrics on a port below 1024 */
	CAP_SYS_RESOURCE,     /* memory for maps, counted against a limit before 5.11 */
};

int privileges_drop(void)
{
	bool has[sizeof(kept) / sizeof(kept[0])];

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		has[i] = capng_have_capability(CAPNG_PERMITTED, kept[i]);
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (has[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, kept[i]);
	if (capng_apply(CAPNG_SELECT_CAPS) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -EPERM;
	return 0;
}
