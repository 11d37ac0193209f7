// SPDX-License-Identifier: GPL-2.0-only
// Readiness and watchdog of systemd.
#include <stdlib.h>
#include "service.h"
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#else
#define sd_notify(unset, text)	     ((void)0)
#define sd_notifyf(unset, text, ...) ((void)(__VA_ARGS__))
#endif

/* Where nobody answers, looking up the names of backends takes a minute and more. */
#define RELOAD_LIMIT_USEC "600000000"

/* Another limit of the watchdog than the unit's, or the unit's again; not where there is none. */
static void limit(const char *usec)
{
	const char *of_unit = getenv("WATCHDOG_USEC");

	if (of_unit)
		sd_notifyf(0, "WATCHDOG_USEC=%s", usec ?: of_unit);
}

void service_ready(const char *iface)
{
	limit(NULL);
	sd_notifyf(0, "READY=1\nSTATUS=Forwarding on %s", iface);
}

void service_reloading(void)
{
	sd_notify(0, "RELOADING=1");
	limit(RELOAD_LIMIT_USEC);
}

void service_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}

void service_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=The agent ends, forwarding goes on");
}
