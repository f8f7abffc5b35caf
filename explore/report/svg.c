/* A run as a picture: a vertical line for each thread, a box for each step, the time across. Plain
 * SVG, which any browser shows. */
#include "report/report.h"

#include <string.h>

enum {
	LANE = 330,   /* from one thread's line to the next */
	BOX = 300,    /* width of a box */
	LINE = 15,    /* from one line of text to the next */
	LETTERS = 40, /* of a line in a box */
	TOP = 78,     /* above the first row */
	MARGIN = 20,
	GAP = 7, /* between rows */
};

static const char style[] = "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1d2433}"
			    "text.title{font:bold 15px system-ui,sans-serif}"
			    "text.about{font:13px system-ui,sans-serif;fill:#5b6475}"
			    "text.name{font:bold 13px system-ui,sans-serif;text-anchor:middle}"
			    "text.time,text.end{font:bold 12px system-ui,sans-serif}"
			    "text.time{fill:#8a5a00}text.end{fill:#a3142a}"
			    "text.quiet{fill:#8a92a3}text.said{font-weight:bold;fill:#fff}"
			    "line.life{stroke:#c3c9d6;stroke-width:2}"
			    "line.time{stroke:#d9a441;stroke-width:1.5;stroke-dasharray:6 4}"
			    "line.end{stroke:#c8203a;stroke-width:2}"
			    "rect.step{fill:#eef2fa;stroke:#8fa3c7}"
			    "rect.quiet{fill:#fafbfc;stroke:#dfe3ea}"
			    "rect.said{fill:#2c4f8f;stroke:#2c4f8f}";

static void escaped(const char *text, size_t length, FILE *to)
{
	for (size_t i = 0; i < length; i++) {
		switch (text[i]) {
		case '<':
			(void)fputs("&lt;", to);
			break;
		case '>':
			(void)fputs("&gt;", to);
			break;
		case '&':
			(void)fputs("&amp;", to);
			break;
		default:
			(void)fputc((unsigned char)text[i] < ' ' ? ' ' : text[i], to);
		}
	}
}

static void text_at(const char *class, int x, int y, const char *text, size_t length, FILE *to)
{
	(void)fprintf(to, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, x, y);
	escaped(text, length, to);
	(void)fputs("</text>\n", to);
}

static int line_count(const char *text, size_t width)
{
	int lines = 0;
	size_t skip;

	for (; *text != '\0'; lines++)
		text += text_break(text, width, &skip) + skip;
	return lines;
}

static int row_height(const struct row *row)
{
	if (row->kind == ROW_TIME)
		return 26;
	return line_count(row->text, LETTERS) * LINE + 8 + GAP;
}

static int lane(int thread)
{
	return MARGIN + thread * LANE + BOX / 2;
}

static void box(const struct row *row, int y, FILE *to)
{
	static const char *const classes[] = {"step", "said", "quiet", "time"};
	const char *class = classes[row->kind];
	int x = lane(row->thread) - BOX / 2;
	const char *text = row->text;
	size_t skip;

	(void)fprintf(
		to, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\"/>\n",
		class, x, y, BOX, row_height(row) - GAP);
	for (int line = y + LINE; *text != '\0'; line += LINE) {
		size_t length = text_break(text, LETTERS, &skip);

		text_at(class, x + 7, line, text, length, to);
		text += length + skip;
	}
}

static void across(const char *class, int y, int width, const char *text, FILE *to)
{
	(void)fprintf(to, "<line class=\"%s\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", class,
	              MARGIN / 2, y, width - MARGIN / 2, y);
	text_at(class, MARGIN, y - 4, text, strlen(text), to);
}

void svg_print(const struct x_scenario *s, const struct rows *rows, const char *end, FILE *to)
{
	int n = thread_count(s);
	int width = 2 * MARGIN + (n - 1) * LANE + BOX;
	size_t letters = (size_t)(width - 2 * MARGIN) / 7;
	int height = TOP + 30 + line_count(end, letters) * 17 + MARGIN;
	int y = TOP;
	size_t skip;

	for (size_t i = 0; i < rows->count; i++)
		height += row_height(&rows->rows[i]);
	(void)fprintf(to,
	              "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
	              "viewBox=\"0 0 %d %d\">\n<style>%s</style>\n"
	              "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
	              width, height, width, height, style);
	text_at("title", MARGIN, 24, s->name, strlen(s->name), to);
	text_at("about", MARGIN, 43, s->about, strlen(s->about), to);
	for (int i = 0; i < n; i++) {
		char name[64];

		thread_name(s, i, name, sizeof name);
		(void)fprintf(to,
		              "<line class=\"life\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n",
		              lane(i), TOP - 6, lane(i), height - 2 * MARGIN);
		text_at("name", lane(i), TOP - 12, name, strlen(name), to);
	}
	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->rows[i];

		if (row->kind == ROW_TIME)
			across("time", y + 19, width, row->text, to);
		else
			box(row, y, to);
		y += row_height(row);
	}
	(void)fprintf(to,
	              "<rect x=\"0\" y=\"%d\" width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
	              y + 8);
	across("end", y + 8, width, "", to);
	y += 26;
	for (; *end != '\0'; y += 17) {
		size_t length = text_break(end, letters, &skip);

		text_at("end", MARGIN, y, end, length, to);
		end += length + skip;
	}
	(void)fputs("</svg>\n", to);
}
