// The files of the report's page; see report_assets.h. The build says where they are.
  .section .rodata
  .global r1_report_chart_library, r1_report_chart_library_end, r1_report_style, r1_report_style_end
  .global r1_report_page, r1_report_page_end, r1_report_charts, r1_report_charts_end
  .global r1_report_tables, r1_report_tables_end, r1_report_traces, r1_report_traces_end
r1_report_chart_library:
  .incbin R1_CHART_JS
r1_report_chart_library_end:
r1_report_style:
  .incbin R1_PAGE_CSS
r1_report_style_end:
r1_report_page:
  .incbin R1_PAGE_JS
r1_report_page_end:
r1_report_charts:
  .incbin R1_CHARTS_JS
r1_report_charts_end:
r1_report_tables:
  .incbin R1_TABLES_JS
r1_report_tables_end:
r1_report_traces:
  .incbin R1_TRACES_JS
r1_report_traces_end:
  .section .note.GNU-stack,"",%progbits
