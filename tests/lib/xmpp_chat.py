#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Two XMPP users log in at one server and pass a message: the least that proves chat works.

Usage: xmpp_chat.py HOST DOMAIN [--port 5222] [--message TEXT]
       xmpp_chat.py HOST DOMAIN --s2s [--port 5269]

Real XMPP (RFC 6120, 6121): stream, STARTTLS, SASL PLAIN, resource binding, presence, message.
The certificate is the lab's own and not verified. With --s2s only a server stream is opened, as
another server's first step would be, and the features offered are printed.
"""

import argparse
import base64
import socket
import ssl
import sys
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

CLIENT = "jabber:client"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
STREAM = "http://etherx.jabber.org/streams"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"


class Stream:
    """One XML stream over TCP, read one stanza at a time."""

    def __init__(self, host, port, domain, namespace, timeout):
        self.domain = domain
        self.namespace = namespace
        self.sock = socket.create_connection((host, port), timeout=timeout)

    def open(self):
        """Send a stream header; return the features that the server offers."""
        self.parser = ElementTree.XMLPullParser(("start", "end"))
        self.depth = 0
        self.send(f"<?xml version='1.0'?><stream:stream to='{self.domain}' version='1.0' "
                  f"xmlns='{self.namespace}' xmlns:stream='{STREAM}'>")
        return self.read(f"{{{STREAM}}}features")

    def send(self, text):
        self.sock.sendall(text.encode())

    def stanza(self):
        while True:
            for event, element in self.parser.read_events():
                self.depth += 1 if event == "start" else -1
                if event == "end" and self.depth == 1:
                    return element
            data = self.sock.recv(65536)
            if not data:
                sys.exit("the server closed the connection")
            self.parser.feed(data)

    def read(self, tag):
        """Return the next stanza of that name; others, presences say, are passed over."""
        while True:
            element = self.stanza()
            if element.tag == tag:
                return element
            if element.tag in (f"{{{STREAM}}}error", f"{{{SASL}}}failure"):
                sys.exit("the server says: " + ElementTree.tostring(element).decode())

    def start_tls(self):
        self.send(f"<starttls xmlns='{TLS}'/>")
        self.read(f"{{{TLS}}}proceed")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock, server_hostname=self.domain)

    def close(self):
        self.send("</stream:stream>")
        self.sock.close()


def log_in(args, user):
    stream = Stream(args.host, args.port or 5222, args.domain, CLIENT, args.timeout)
    stream.open()
    stream.start_tls()
    stream.open()
    secret = base64.b64encode(f"\0{user}\0{args.password}".encode()).decode()
    stream.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>")
    stream.read(f"{{{SASL}}}success")
    stream.open()
    stream.send(f"<iq type='set' id='bind'><bind xmlns='{BIND}'/></iq>")
    answer = stream.read(f"{{{CLIENT}}}iq")
    if answer.get("type") != "result":
        sys.exit("no resource: " + ElementTree.tostring(answer).decode())
    stream.send("<presence/>")
    stream.read(f"{{{CLIENT}}}presence")  # one's own comes back: now messages do, too
    return stream


def chat(args):
    alice, bob = log_in(args, "alice"), log_in(args, "bob")
    alice.send(f"<message type='chat' to='bob@{args.domain}'>"
               f"<body>{escape(args.message)}</body></message>")
    body = bob.read(f"{{{CLIENT}}}message").findtext(f"{{{CLIENT}}}body")
    if body != args.message:
        sys.exit(f"bob received something else: {body!r}")
    alice.close()
    bob.close()
    print(f"bob received from alice: {body}")


def server_stream(args):
    stream = Stream(args.host, args.port or 5269, args.domain, "jabber:server", args.timeout)
    names = [element.tag.partition("}")[2] for element in stream.open()]
    stream.close()
    print("a server is offered:", " ".join(names))


def main():
    parser = argparse.ArgumentParser(description="two XMPP users pass a message")
    parser.add_argument("host")
    parser.add_argument("domain")
    parser.add_argument("--port", type=int)
    parser.add_argument("--s2s", action="store_true")
    parser.add_argument("--password", default="correct horse")
    parser.add_argument("--message", default="hello from the other side")
    parser.add_argument("--timeout", type=float, default=5)
    args = parser.parse_args()
    try:
        server_stream(args) if args.s2s else chat(args)
    except OSError as error:
        sys.exit(f"{args.host}: {error}")


if __name__ == "__main__":
    main()
