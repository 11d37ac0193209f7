// SPDX-License-Identifier: GPL-2.0-only
// The state of an interface as JSON: pools, shares of them, and lists of clients.
#include <errno.h>
#include <jansson.h>
#include "state_internal.h"

json_t *state_json_addr(const struct ip_addr *addr)
{
	char text[IP_ADDR_STRLEN];

	return json_string(ip_addr_format(addr, text));
}

json_t *state_pools_to_json(const struct state *state)
{
	json_t *array = json_array();

	for (size_t i = 0; i < state->pool_count; i++)
		json_array_append_new(array,
				      json_pack("[o, i]", state_json_addr(&state->pools[i].addr),
						state->pools[i].proto));
	return array;
}

json_t *state_shares_to_json(const struct state *state)
{
	json_t *array = json_array();

	for (size_t i = 0; i < state->share_count; i++)
		json_array_append_new(array, json_integer(state->shares[i]));
	return array;
}

json_t *state_acls_to_json(const struct state *state)
{
	json_t *array = json_array();

	for (unsigned i = 1; i <= state->acl_count; i++) {
		const struct acl_range *ranges = &state->acl_ranges[state->acls[i].first];
		json_t *ends = json_array();

		for (unsigned n = 0; n < state->acls[i].count; n++) {
			json_array_append_new(ends, state_json_addr(&ranges[n].first));
			json_array_append_new(ends, state_json_addr(&ranges[n].last));
		}
		json_array_append_new(array, ends);
	}
	return array;
}

int state_pools_from_json(json_t *pools, json_t *shares, struct state *state)
{
	json_t *item;
	size_t i;

	json_array_foreach (pools, i, item) {
		const char *addr;
		int proto;

		if (i == PLAN_POOLS_MAX || json_unpack(item, "[s, i]", &addr, &proto) ||
		    ip_addr_parse(addr, &state->pools[i].addr) || proto < 0 || proto >= PROTO_COUNT)
			return -EPROTO;
		state->pools[i].proto = proto;
		state->pool_count++;
	}
	json_array_foreach (shares, i, item) {
		json_int_t pool = json_is_integer(item) ? json_integer_value(item) : -1;

		if (i == SHARES_MAX || pool < 0 || (size_t)pool >= state->pool_count)
			return -EPROTO;
		state->shares[i] = pool;
		state->share_count++;
	}
	return 0;
}

static int acl_from_json(json_t *ends, struct state *state)
{
	struct acl *acl = &state->acls[state->acl_count + 1];

	if (state->acl_count == ACLS_MAX - 1 || !json_is_array(ends) || json_array_size(ends) % 2)
		return -EPROTO;
	acl->first = state->acl_range_count;
	for (size_t i = 0; i < json_array_size(ends); i += 2, acl->count++) {
		struct acl_range *range = &state->acl_ranges[state->acl_range_count];
		const char *first = json_string_value(json_array_get(ends, i));
		const char *last = json_string_value(json_array_get(ends, i + 1));

		if (state->acl_range_count == ACL_RANGES_MAX || !first || !last ||
		    ip_addr_parse(first, &range->first) || ip_addr_parse(last, &range->last))
			return -EPROTO;
		state->acl_range_count++;
	}
	state->acl_count++;
	return 0;
}

int state_acls_from_json(json_t *acls, struct state *state)
{
	json_t *ends;
	size_t i;

	json_array_foreach (acls, i, ends) {
		if (acl_from_json(ends, state))
			return -EPROTO;
	}
	return 0;
}
