/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a service manager is told; nothing where there is none, or when built without libsystemd.
 */
#ifndef XDPFWD_SERVICE_H
#define XDPFWD_SERVICE_H

/* service_ready() - forwarding is live, or live again after service_reloading() */
void service_ready(const char *iface);

/*
 * service_reloading() - a reload that was asked for by a signal begins; the watchdog is patient
 * until service_ready()
 */
void service_reloading(void);

/* service_alive() - the loop goes round; to be called more often than once in 30 seconds */
void service_alive(void);

/* service_stopping() - the agent ends */
void service_stopping(void);

#endif
