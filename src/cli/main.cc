#include "cli/app.h"

int main(int argc, char** argv) { return r1::run_app(argc, argv); }
