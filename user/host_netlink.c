// SPDX-License-Identifier: GPL-2.0-only
// One netlink exchange from socket to answer, and dumps that are whole.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "host_internal.h"

/* Only something that changes without pause makes so many dumps in a row inconsistent. */
#define DUMP_TRIES 100

/* The largest piece of a dump that the kernel makes. */
#define RECEIVE_BYTES 32768

/* No socket is ever used for a second request, so any number will do. */
#define SEQUENCE 1

void *host_array_add(struct host_array *array)
{
	void *item;

	if (array->count == array->capacity) {
		size_t capacity = array->capacity ? array->capacity * 2 : 16;
		void *items = reallocarray(array->items, capacity, array->item_size);

		if (!items)
			return NULL;
		array->items = items;
		array->capacity = capacity;
	}
	item = (char *)array->items + array->count++ * array->item_size;
	return memset(item, 0, array->item_size);
}

void *host_netlink_request(union host_request *request, uint16_t type, uint16_t flags,
			   size_t extra_size)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = SEQUENCE;
	return mnl_nlmsg_put_extra_header(nlh, extra_size);
}

/* What the callbacks of one exchange need. */
struct exchange {
	mnl_cb_t each;
	void *data;
	int refusal;
};

static int on_message(const struct nlmsghdr *nlh, void *data)
{
	const struct exchange *exchange = data;

	return exchange->each ? exchange->each(nlh, exchange->data) : MNL_CB_OK;
}

/*
 * NLMSG_ERROR and NLMSG_DONE both begin with an -errno. libmnl looks at the first only and would
 * take a dump that failed half way for a complete one.
 */
static int on_end(const struct nlmsghdr *nlh, void *data)
{
	struct exchange *exchange = data;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(int))
		exchange->refusal = *(const int *)mnl_nlmsg_get_payload(nlh);
	return MNL_CB_STOP;
}

static int receive(struct mnl_socket *sock, struct exchange *exchange)
{
	static mnl_cb_t control[] = { [NLMSG_ERROR] = on_end, [NLMSG_DONE] = on_end };
	char buf[RECEIVE_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t len;
	int ret;

	do {
		do
			len = mnl_socket_recvfrom(sock, buf, sizeof(buf));
		while (len < 0 && errno == EINTR);
		if (len < 0)
			return -errno;
		ret = mnl_cb_run2(buf, len, SEQUENCE, mnl_socket_get_portid(sock), on_message,
				  exchange, control, sizeof(control) / sizeof(control[0]));
	} while (ret > MNL_CB_STOP);
	return ret < 0 ? -errno : 0;
}

/* A socket of its own for each exchange: what an interrupted dump left unread goes with it. */
int host_netlink_ask(int bus, union host_request *request, mnl_cb_t each, void *data, int *refusal)
{
	struct exchange exchange = { .each = each, .data = data };
	struct mnl_socket *sock = mnl_socket_open2(bus, SOCK_CLOEXEC);
	int err = 0;

	*refusal = 0;
	if (!sock)
		return -errno;
	if (mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(sock, request, request->header.nlmsg_len) < 0)
		err = -errno;
	if (!err)
		err = receive(sock, &exchange);
	mnl_socket_close(sock);
	*refusal = exchange.refusal;
	return err;
}

int host_netlink_dump(int bus, union host_request *request, mnl_cb_t each, struct host_array *into)
{
	size_t before = into->count;
	int tries = DUMP_TRIES;
	int err, refusal;

	do {
		into->count = before;
		err = host_netlink_ask(bus, request, each, into, &refusal);
		if (!err)
			err = refusal;
	} while (err == -EINTR && --tries);
	if (err) {
		free(into->items);
		*into = (struct host_array){ .item_size = into->item_size };
	}
	return err == -EINTR ? -EAGAIN : err;
}

bool host_addr_from_bytes(const void *bytes, size_t len, struct ip_addr *addr)
{
	__be32 v4;

	if (len == sizeof(*addr)) {
		memcpy(addr, bytes, sizeof(*addr));
		return true;
	}
	if (len == sizeof(v4)) {
		memcpy(&v4, bytes, sizeof(v4));
		*addr = ip_addr_from_v4(v4);
		return true;
	}
	return false;
}

bool host_addr_from_attr(const struct nlattr *attr, struct ip_addr *addr)
{
	return host_addr_from_bytes(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr),
				    addr);
}

uint8_t host_addr_put_attr(struct nlmsghdr *nlh, uint16_t type, const struct ip_addr *addr)
{
	if (ip_addr_is_v4(addr)) {
		mnl_attr_put_u32(nlh, type, addr->w[3]);
		return AF_INET;
	}
	mnl_attr_put(nlh, type, sizeof(*addr), addr);
	return AF_INET6;
}
