"""Examine images, machine and plan, and report."""

from pathlib import Path
from typing import Any

from dcgan.config import DoctorConfig
from dcgan.core.devices import select_device
from dcgan.core.errors import UserError
from dcgan.doctor.data import find_in_data
from dcgan.doctor.findings import Finding, by_severity, from_error
from dcgan.doctor.machine import describe_machine, find_in_machine
from dcgan.doctor.plan import examine_plan
from dcgan.doctor.report import Report, write_contact_sheet, write_json
from dcgan.doctor.sample import Sample, take_sample


def examine(config: DoctorConfig, import_seconds: float) -> Report:
    """Say what is wrong with a training before it is started, and what it will take; print and write the report.

    Args:
        config: options of the training, and of the check.
        import_seconds: what importing TensorFlow took.

    Returns:
        The report.

    Raises:
        UserError: something prevents the training; the report was written before. Or a file can't be written.
    """
    training = config.training()
    findings: list[Finding] = []
    usable = True
    try:
        select_device(training.device)
    except UserError as error:
        usable = False
        findings.append(from_error("device", error))
    machine = describe_machine(training)
    findings += find_in_machine(training, machine)
    sample, data = _examine_data(config, findings)
    plan: dict[str, Any] = {}
    if usable and sample is not None and len(sample.images):
        try:
            plan, found = examine_plan(training, sample, config.check_seconds, import_seconds, machine)
            findings += found
        except UserError as error:
            findings.append(from_error("plan", error))
    report = Report(data, machine, plan, tuple(by_severity(findings)))
    print("\n".join(report.lines()), flush=True)
    _write(config.json, config.out, report, sample)
    if report.errors:
        raise UserError(f"This training can't start: {report.errors[0].text}")
    return report


def _examine_data(config: DoctorConfig, findings: list[Finding]) -> tuple[Sample | None, dict[str, Any]]:
    """Read images and describe them; what prevents that is a finding."""
    training = config.training()
    try:
        sample = take_sample(training, config.check_images)
    except UserError as error:
        findings.append(from_error("data", error))
        return None, {}
    data, found = find_in_data(training, sample)
    findings += found
    return sample, data


def _write(json: Path | None, out: Path | None, report: Report, sample: Sample | None) -> None:
    """Write the files that were asked for."""
    if json is not None:
        write_json(json, report)
        print(f"Report: {json}")
    if out is not None and sample is not None and len(sample.images):
        write_contact_sheet(out, sample)
        print(f"Contact sheet: {out}")
