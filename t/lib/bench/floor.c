/*
 * floor PLAIN ASKS TLS FORK RELAY UDP CERT KEY FILE: the least that serving
 * POP3 can cost.  Bare loops in processes that were forked beforehand accept, read
 * commands and send canned replies: on port PLAIN; on ASKS with one question
 * by UDP to port UDP, which a further process answers, for each PASS; on TLS
 * with that certificate and key.  On FORK each connection gets a process that
 * is forked for it; on RELAY it is brought to port PLAIN.  Nothing is checked
 * or logged.  FILE, with CRLF, is the only message of users whose names begin
 * with l; others have none.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>

enum { CHILDREN = 24, LINE = 512, PIECE = 65536 };

static int plain, asks;		/* sockets: of the client, of the question */
static SSL *tls;
static const char *file;
static long long size;

static struct sockaddr_in
loopback(const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET };

	at.sin_port = htons(atoi(port));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return at;
}

static int
connected(int type, const char *port)
{
	struct sockaddr_in to = loopback(port);
	int s;

	if ((s = socket(AF_INET, type, 0)) < 0 ||
	    connect(s, (struct sockaddr *)&to, sizeof(to)) != 0)
		err(1, "port %s", port);
	return s;
}

static int
listener(int type, const char *port)
{
	struct sockaddr_in at = loopback(port);
	int s, on = 1;

	if ((s = socket(AF_INET, type, 0)) < 0 ||
	    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(s, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    (type == SOCK_STREAM && (listen(s, 4096) != 0 ||
	    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)))
		err(1, "port %s", port);
	return s;
}

static int
say(const char *text, size_t len)
{
	return (tls != NULL ? SSL_write(tls, text, len) :
	    write(plain, text, len)) == (ssize_t)len;
}

static ssize_t
hear(char *text, size_t len)
{
	return tls != NULL ? SSL_read(tls, text, len) : read(plain, text, len);
}

static int
send_file(void)
{
	static char piece[PIECE];
	ssize_t got = 0;
	int f;

	if (!say("+OK\r\n", 5) || (f = open(file, O_RDONLY)) < 0)
		return 0;
	while ((got = read(f, piece, sizeof(piece))) > 0)
		if (!say(piece, got))
			break;
	close(f);
	return got == 0 && say(".\r\n", 3);
}

static int
ask(void)
{
	char answer[LINE];

	return asks == 0 || (send(asks, "*Ma/b\n", 6, 0) == 6 &&
	    recv(asks, answer, sizeof(answer), 0) > 0);
}

/* One session, to its end. */
static void
talk(void)
{
	char in[LINE], out[LINE];
	size_t held = 0;
	ssize_t got;
	int large = 0, ok = say("+OK ready\r\n", 11);

	while (ok && held < sizeof(in) &&
	    (got = hear(in + held, sizeof(in) - held)) > 0) {
		char *line = in, *end;

		held += got;
		while (ok && (end = memchr(line, '\n', in + held - line)) != NULL) {
			switch (line[0]) {
			case 'U':
				large = line[5] == 'l';
				ok = say("+OK\r\n", 5);
				break;
			case 'P':
				ok = ask() && say("+OK\r\n", 5);
				break;
			case 'S':
				ok = say(out, snprintf(out, sizeof(out),
				    "+OK %d %lld\r\n", large, large ? size : 0));
				break;
			case 'R':
				ok = send_file();
				break;
			default:
				say("+OK\r\n", 5);
				return;
			}
			line = end + 1;
		}
		held -= line - in;
		memmove(in, line, held);
	}
}

/* Copies both ways until one end closes. */
static void
relay(const char *port)
{
	static char piece[PIECE];
	struct pollfd p[2];
	int i;

	p[0].fd = plain;
	p[1].fd = connected(SOCK_STREAM, port);
	p[0].events = p[1].events = POLLIN;
	while (poll(p, 2, -1) > 0)
		for (i = 0; i < 2; i++) {
			ssize_t got;

			if (p[i].revents == 0)
				continue;
			if ((got = read(p[i].fd, piece, sizeof(piece))) <= 0 ||
			    write(p[1 - i].fd, piece, got) != got) {
				close(p[1].fd);
				return;
			}
		}
}

static void
serve(SSL_CTX *ctx, const char *onwards)
{
	if (onwards != NULL)
		relay(onwards);
	else if (ctx != NULL) {
		if ((tls = SSL_new(ctx)) == NULL || !SSL_set_fd(tls, plain))
			errx(1, "TLS");
		if (SSL_accept(tls) == 1) {
			talk();
			SSL_shutdown(tls);
		}
		SSL_free(tls);
	} else
		talk();
	close(plain);
}

static void
children(const char *port, const char *udp, SSL_CTX *ctx, const char *onwards)
{
	int s = listener(SOCK_STREAM, port), i;

	for (i = 0; i < CHILDREN; i++) {
		if (fork() != 0)
			continue;
		if (udp != NULL)
			asks = connected(SOCK_DGRAM, udp);
		for (;;)
			if ((plain = accept(s, NULL, NULL)) >= 0)
				serve(ctx, onwards);
	}
}

static void
answer(int s)
{
	struct sockaddr_in from;
	char question[LINE];

	for (;;) {
		socklen_t len = sizeof(from);

		if (recvfrom(s, question, sizeof(question), 0,
		    (struct sockaddr *)&from, &len) > 0)
			sendto(s, "+OK 0 no mails\n", 15, 0,
			    (struct sockaddr *)&from, len);
	}
}

static void
fork_each(int s)
{
	for (;;) {
		if ((plain = accept(s, NULL, NULL)) < 0)
			continue;
		if (fork() == 0) {
			close(s);
			serve(NULL, NULL);
			_exit(0);
		}
		close(plain);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

int
main(int argc, char *argv[])
{
	SSL_CTX *ctx;
	struct stat st;
	int s;

	if (argc != 10)
		errx(2, "usage: floor PLAIN ASKS TLS FORK RELAY UDP CERT KEY FILE");
	signal(SIGPIPE, SIG_IGN);
	file = argv[9];
	if (stat(file, &st) != 0)
		err(1, "%s", file);
	size = st.st_size;
	if ((ctx = SSL_CTX_new(TLS_server_method())) == NULL ||
	    SSL_CTX_use_certificate_file(ctx, argv[7], SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[8], SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
	    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"f", 1) != 1)
		errx(1, "%s, %s", argv[7], argv[8]);
	s = listener(SOCK_DGRAM, argv[6]);
	if (fork() == 0)
		answer(s);
	s = listener(SOCK_STREAM, argv[4]);
	if (fork() == 0)
		fork_each(s);
	children(argv[1], NULL, NULL, NULL);
	children(argv[2], argv[6], NULL, NULL);
	children(argv[3], NULL, ctx, NULL);
	children(argv[5], NULL, NULL, argv[1]);
	while (wait(NULL) > 0)
		;
	return 1;
}
