/* A run as text: a column for each thread, a line for each step, the time across. */
#include "report/report.h"

#include <string.h>

enum { PAGE_WIDTH = 100, NUMBER_WIDTH = 5, WIDEST = 60 };

static size_t column_width(const struct x_scenario *s)
{
	int n = thread_count(s);
	size_t width = (size_t)((PAGE_WIDTH - NUMBER_WIDTH) / (n > 0 ? n : 1));

	return width > WIDEST ? WIDEST : width;
}

static void rule(const char *text, size_t width, FILE *to)
{
	size_t length = strlen(text) + 5;

	(void)fprintf(to, "%*s-- %s ", NUMBER_WIDTH, "", text);
	for (; length < width; length++)
		(void)fputc('-', to);
	(void)fputc('\n', to);
}

/* The other threads' lines go on beside it. */
static void in_column(const struct x_scenario *s, int thread, const char *number, const char *text,
                      size_t length, FILE *to)
{
	size_t width = column_width(s);
	int n = thread_count(s);

	(void)fprintf(to, "%*s", NUMBER_WIDTH, number);
	for (int i = 0; i < n; i++) {
		int blank = (int)(width - 2);

		if (i != thread)
			(void)fprintf(to, "| %*s", i < n - 1 ? blank : 0, "");
		else
			(void)fprintf(to, "| %-*.*s", i < n - 1 ? blank : 0, (int)length, text);
	}
	(void)fputc('\n', to);
}

static void cell(const struct x_scenario *s, const struct row *row, FILE *to)
{
	size_t width = column_width(s) - 3;
	char number[16] = "";
	char whole[sizeof row->text + 8];
	const char *text = whole;
	size_t skip;

	if (row->kind != ROW_SAID)
		(void)snprintf(number, sizeof number, "%u ", row->number);
	(void)snprintf(whole, sizeof whole, "%s%s", row->kind == ROW_SAID ? ">> " : "", row->text);
	while (*text != '\0') {
		/* What goes on in the next line stands a little to the right. */
		size_t indent = text == whole ? 0 : 3;
		size_t length = text_break(text, width - indent, &skip);
		char line[WIDEST + 4];

		(void)snprintf(line, sizeof line, "%*s%.*s", (int)indent, "", (int)length, text);
		in_column(s, row->thread, number, line, strlen(line), to);
		number[0] = '\0';
		text += length + skip;
	}
}

void timeline_print(const struct x_scenario *s, const struct rows *rows, const char *end, FILE *to)
{
	size_t width = column_width(s);
	int n = thread_count(s);
	size_t skip;

	(void)fprintf(to, "%*s", NUMBER_WIDTH, "");
	for (int i = 0; i < n; i++) {
		char name[64];

		thread_name(s, i, name, sizeof name);
		(void)fprintf(to, "  %-*.*s", i < n - 1 ? (int)width - 2 : 0, (int)width - 3, name);
	}
	(void)fputc('\n', to);
	for (size_t i = 0; i < rows->count; i++) {
		if (rows->rows[i].kind == ROW_TIME)
			rule(rows->rows[i].text, width * (size_t)n, to);
		else
			cell(s, &rows->rows[i], to);
	}
	rule("the end", width * (size_t)n, to);
	while (*end != '\0') {
		size_t length = text_break(end, PAGE_WIDTH - NUMBER_WIDTH, &skip);

		(void)fprintf(to, "%*s%.*s\n", NUMBER_WIDTH, "", (int)length, end);
		end += length + skip;
	}
}
