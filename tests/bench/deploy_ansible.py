#!/usr/bin/env python3
"""The appliance and Ansible deploy in turns to the same servers: both must really have deployed, which a handshake
with each server shows. The figures are printed and never judged: deploy_ansible.py ANSIBLE-PLAYBOOK."""
import sys
import traceback
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / p) for p in ("tests", "tests/hosts", "tests/demo", "tests/bench")]
import rows_appliance  # noqa: E402
import rows_deploy  # noqa: E402
from table import Table, machine  # noqa: E402


def main(program):
    table, setting = Table(), rows_appliance.Setting(TOP, 2000)
    print(machine(TOP, 2000)[0], flush=True)
    try:
        rows_deploy.add_rows(table, *rows_deploy.measure(setting.appliance(), setting.dir / "ansible", program, 3, 1))
    except Exception:
        traceback.print_exc()
        print("not ok deploys in turns with Ansible\n0 passed, 1 failed")
        return 1
    finally:
        setting.close()
    print(table.text() + "\nok deploys in turns with Ansible\n1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
