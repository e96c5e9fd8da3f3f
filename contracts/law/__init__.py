"""The law as dated data: statutory numbers and fee schedules, each with the article it comes from."""

from contracts.law.book import FeeSchedule, Law, NoLawInForce, law_on, schedule_on

__all__ = ["FeeSchedule", "Law", "NoLawInForce", "law_on", "schedule_on"]
