# Other servers of the standard library over loopback: socketserver, XML-RPC, remote managers, multiprocessing's
# connections, selectors, mail; with clients in threads and in other processes.
import multiprocessing as mp
import os
import selectors
import smtplib
import socket
import socketserver
import subprocess
import sys
import threading
import xmlrpc.client
import xmlrpc.server
from multiprocessing import connection
from multiprocessing.managers import BaseManager


def running(server):
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    return server.server_address


class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.strip()[::-1] + b"\n")


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        sock.sendto(data.upper(), self.client_address)


def ask(family, address, words):
    with socket.socket(family) as sock:
        sock.connect(address)
        with sock.makefile("rwb") as file:
            got = []
            for word in words:
                file.write(word + b"\n")
                file.flush()
                got.append(file.readline().strip())
            sock.shutdown(socket.SHUT_WR)  # a forked handler has a copy of this socket, so closing it ends nothing
            return got


def socketservers():
    for kind, family, address in (
            (socketserver.ThreadingTCPServer, socket.AF_INET, ("127.0.0.1", 0)),
            (socketserver.ForkingTCPServer, socket.AF_INET, ("127.0.0.1", 0)),
            (socketserver.ThreadingUnixStreamServer, socket.AF_UNIX, "/tmp/lines.sock"),
            (socketserver.ForkingUnixStreamServer, socket.AF_UNIX, "/tmp/forked.sock")):
        with kind(address, Lines) as server:
            where = running(server)
            print(kind.__name__, ask(family, where, [b"abc", b"12"]),
                  ask(family, where, [b"x" * 3000])[0] == b"x" * 3000)
            server.shutdown()
    for kind in (socketserver.UDPServer, socketserver.ForkingUDPServer):
        with kind(("127.0.0.1", 0), Datagram) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(30)
            sock.sendto(b"datagram", running(server))
            print(kind.__name__, sock.recv(100))
            server.shutdown()


def xml():
    with xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False, allow_none=True) as server:
        server.register_function(pow)
        server.register_function(lambda text: text[::-1], "reverse")
        server.register_introspection_functions()
        server.register_multicall_functions()
        host, port = running(server)
        with xmlrpc.client.ServerProxy(f"http://{host}:{port}", allow_none=True) as proxy:
            print(proxy.pow(2, 10), proxy.reverse("añb"), proxy.system.listMethods()[0])
            many = xmlrpc.client.MultiCall(proxy)
            many.pow(3, 3)
            many.reverse("xy")
            print(list(many()))
            try:
                proxy.pow("a", 1)
            except xmlrpc.client.Fault as fault:
                print(fault.faultCode, fault.faultString[:30])
        code = f"import xmlrpc.client; print(xmlrpc.client.ServerProxy('http://{host}:{port}').pow(5, 3))"
        print(subprocess.check_output([sys.executable, "-c", code]))
        server.shutdown()


class Store:
    def __init__(self):
        self.items = {}

    def put(self, key, value):
        self.items[key] = value
        return os.getpid()

    def get(self, key):
        return self.items[key]


class Manager(BaseManager):
    pass


store = Store()
Manager.register("store", callable=lambda: store)


def remote(address, number):
    manager = Manager(address, b"key")
    manager.connect()
    manager.store().put(number, number * 11)


def managers():
    manager = Manager(("127.0.0.1", 0), b"key")
    manager.start()
    workers = [mp.Process(target=remote, args=(manager.address, n)) for n in range(3)]
    for process in workers:
        process.start()
    for process in workers:
        process.join()
    print([manager.store().get(n) for n in range(3)], manager.store().put("pid", 1) != os.getpid())
    try:
        Manager(manager.address, b"wrong").connect()
    except mp.AuthenticationError as error:
        print(error)
    manager.shutdown()


def client(address, kind):
    with connection.Client(address, authkey=b"secret") as conn:
        conn.send({"kind": kind, "data": b"z" * 100000})
        conn.send_bytes(conn.recv_bytes()[::-1])


def connections():
    for kind in ("AF_INET", "AF_UNIX"):
        with connection.Listener(family=kind, authkey=b"secret") as listener:
            process = mp.Process(target=client, args=(listener.address, kind))
            process.start()
            with listener.accept() as conn:
                message = conn.recv()
                conn.send_bytes(b"backwards")
                print(message["kind"], len(message["data"]), conn.recv_bytes(), connection.wait([conn], 10) == [conn])
            process.join()
            print(process.exitcode)


def echo_selected(kind, listener, clients):
    """One thread serves all clients, until each has gone."""
    with kind() as selector:
        listener.setblocking(False)
        selector.register(listener, selectors.EVENT_READ)
        while clients:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    selector.register(listener.accept()[0], selectors.EVENT_READ)
                elif data := key.fileobj.recv(4096):
                    key.fileobj.sendall(data)
                else:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    clients -= 1


def selected():
    for kind in (selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector):
        with socket.create_server(("localhost", 0)) as listener:
            thread = threading.Thread(target=echo_selected, args=(kind, listener, 12))
            thread.start()
            socks = [socket.create_connection(listener.getsockname()) for _ in range(12)]
            for number, sock in enumerate(socks):
                sock.sendall(b"number %d" % number)
            print(kind.__name__, [sock.recv(100) for sock in socks][::5], [sock.close() for sock in socks][0],
                  thread.join())


class Mail(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line.split()[0].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while (text := self.rfile.readline()) != b".\r\n":
                    received.append(text)
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


received = []


def mail():
    with socketserver.TCPServer(("127.0.0.1", 0), Mail) as server:
        host, port = running(server)
        with smtplib.SMTP(host, port, local_hostname="here") as client:
            print(client.sendmail("a@b", ["c@d"], "Subject: s\n\nbody\n.dot\n"))
        print(received)
        server.shutdown()


if __name__ == "__main__":
    for part in (socketservers, xml, managers, connections, selected, mail):
        part()
