// SPDX-License-Identifier: GPL-2.0-only
// Readiness and watchdog of systemd.
#include "service.h"
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#else
#define sd_notify(unset, text)	     ((void)0)
#define sd_notifyf(unset, text, ...) ((void)(__VA_ARGS__))
#endif

void service_ready(const char *iface)
{
	sd_notifyf(0, "READY=1\nSTATUS=Forwarding on %s", iface);
}

void service_reloading(void)
{
	sd_notify(0, "RELOADING=1");
}

void service_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}

void service_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=The agent ends, forwarding goes on");
}
