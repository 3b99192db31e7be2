// The files of the report's page, as the build embedded them (src/runs/report/assets.S).
#pragma once

extern "C" {
extern const char r1_report_chart_library[], r1_report_chart_library_end[];
extern const char r1_report_style[], r1_report_style_end[];
extern const char r1_report_page[], r1_report_page_end[];
extern const char r1_report_charts[], r1_report_charts_end[];
extern const char r1_report_tables[], r1_report_tables_end[];
extern const char r1_report_traces[], r1_report_traces_end[];
}
