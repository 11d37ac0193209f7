/* SPDX-License-Identifier: GPL-2.0-only */
/* Which clients a rule is for: a binary search among ranges of addresses. */
#ifndef XDPFWD_BPF_ACL_H
#define XDPFWD_BPF_ACL_H

#include "flow_begin.h"

#define ACL_STEPS 13 /* of a binary search among ACL_RANGES_MAX */

/* addr_is_before() - order of addresses, as they are written */
static __always_inline bool addr_is_before(const struct ip_addr *a, const struct ip_addr *b)
{
	__u64 high_a = bpf_be64_to_cpu(a->d[0]), high_b = bpf_be64_to_cpu(b->d[0]);

	if (high_a != high_b)
		return high_a < high_b;
	return bpf_be64_to_cpu(a->d[1]) < bpf_be64_to_cpu(b->d[1]);
}

/* acl_allows() - is the list for the client in track.key? Global: seen once by the verifier */
__noinline int acl_allows(__u32 index)
{
	struct ruleset *rs = ruleset_get();
	struct track *t = track_get();
	__u32 low = 0, high, first;

	if (!rs || !t)
		return 0;
	first = rs->acls[index & (ACLS_MAX - 1)].first;
	high = rs->acls[index & (ACLS_MAX - 1)].count;
	for (int i = 0; i < ACL_STEPS; i++) {
		__u32 middle = (low + high) / 2;

		if (low >= high)
			break;
		if (addr_is_before(&t->key.client,
				   &rs->acl_ranges[(first + middle) & (ACL_RANGES_MAX - 1)].first))
			high = middle;
		else
			low = middle + 1;
	}
	/* Before the last step it was the range that begins at or before the client. */
	return low &&
	       !addr_is_before(&rs->acl_ranges[(first + low - 1) & (ACL_RANGES_MAX - 1)].last,
			       &t->key.client);
}

/* check_acl() - 0, or REASON_DENIED for a client that the matched rule is not for */
static __always_inline enum reason check_acl(struct ruleset *rs, const struct packet *pkt,
					     const struct match *match)
{
	__u32 acl = rule_get(rs, match->in)->acl;
	struct track *t;

	if (!acl)
		return 0;
	t = track_get();
	if (!t)
		return aside(REASON_NO_RULESET);
	t->key.client = pkt->src;
	return acl_allows(acl) ? 0 : REASON_DENIED;
}

#endif
