"""What companies took in and paid out: the consolidated cash flow statement, from the start of the year to the end of the period."""

from __future__ import annotations

from stock_assistant_pipelines.catalog.calls import PerPeriod
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.expected import Disclosed
from stock_assistant_pipelines.catalog.finance.items import (
    ANN_DATE,
    COMP_TYPE,
    END_DATE,
    END_TYPE,
    F_ANN_DATE,
    REPORT_ROWS,
    REPORT_TYPES,
    RESTATED,
    STATEMENT_AFTER_PERIOD,
    VERSIONS,
    items,
)
from stock_assistant_pipelines.catalog.grain import Grain
from stock_assistant_pipelines.catalog.rules import Rule, Severity
from stock_assistant_pipelines.catalog.versions import Versions

CASHFLOW = Dataset(
    api="cashflow",
    title="Cash flow statements",
    title_zh="现金流量表",
    row="one row per company, report period, report type and version",
    family="finance",
    grain=Grain.REPORT_PERIOD,
    key=("ts_code", "end_date", "report_type"),
    columns=(
        Column("ts_code", Type.TEXT, "Tushare code", "TS股票代码"),
        ANN_DATE,
        F_ANN_DATE,
        END_DATE,
        COMP_TYPE,
        Column("report_type", Type.TEXT, "1 consolidated, 4 restated a year later, 5 before adjustment", "报表类型"),
        END_TYPE,
        *items(
            """
            net_profit | Net profit | 净利润
            finan_exp | Finance expenses | 财务费用
            c_fr_sale_sg | Cash received from sales of goods and services | 销售商品、提供劳务收到的现金
            recp_tax_rends | Tax refunds received | 收到的税费返还
            n_depos_incr_fi | Net increase in deposits of clients and banks | 客户存款和同业存放款项净增加额
            n_incr_loans_cb | Net increase in borrowings from the central bank | 向中央银行借款净增加额
            n_inc_borr_oth_fi | Net increase in borrowings from other financial institutions | 向其他金融机构拆入资金净增加额
            prem_fr_orig_contr | Cash received from premiums of direct insurance | 收到原保险合同保费取得的现金
            n_incr_insured_dep | Net increase in policyholders' deposits | 保户储金净增加额
            n_reinsur_prem | Net cash received from reinsurance | 收到再保业务现金净额
            n_incr_disp_tfa | Net increase from disposal of trading financial assets | 处置交易性金融资产净增加额
            ifc_cash_incr | Net increase in interest, fees and commissions received | 收取利息和手续费净增加额
            n_incr_disp_faas | Net increase from disposal of available-for-sale financial assets | 处置可供出售金融资产净增加额
            n_incr_loans_oth_bank | Net increase in placements from banks | 拆入资金净增加额
            n_cap_incr_repur | Net increase from repurchase business | 回购业务资金净增加额
            c_fr_oth_operate_a | Other cash received from operating activities | 收到其他与经营活动有关的现金
            c_inf_fr_operate_a | Cash inflows from operating activities | 经营活动现金流入小计
            c_paid_goods_s | Cash paid for goods and services | 购买商品、接受劳务支付的现金
            c_paid_to_for_empl | Cash paid to and for employees | 支付给职工以及为职工支付的现金
            c_paid_for_taxes | Taxes paid | 支付的各项税费
            n_incr_clt_loan_adv | Net increase in loans and advances to clients | 客户贷款及垫款净增加额
            n_incr_dep_cbob | Net increase in deposits with the central bank and banks | 存放央行和同业款项净增加额
            c_pay_claims_orig_inco | Cash paid for claims of direct insurance | 支付原保险合同赔付款项的现金
            pay_handling_chrg | Fees paid | 支付手续费的现金
            pay_comm_insur_plcy | Policyholder dividends paid | 支付保单红利的现金
            oth_cash_pay_oper_act | Other cash paid for operating activities | 支付其他与经营活动有关的现金
            st_cash_out_act | Cash outflows from operating activities | 经营活动现金流出小计
            n_cashflow_act | Net cash flow from operating activities | 经营活动产生的现金流量净额
            oth_recp_ral_inv_act | Other cash received from investing activities | 收到其他与投资活动有关的现金
            c_disp_withdrwl_invest | Cash received from withdrawn investments | 收回投资收到的现金
            c_recp_return_invest | Cash received from returns on investments | 取得投资收益收到的现金
            n_recp_disp_fiolta | Net cash from disposal of fixed, intangible and other long-term assets | 处置固定资产、无形资产和其他长期资产收回的现金净额
            n_recp_disp_sobu | Net cash from disposal of subsidiaries and other business units | 处置子公司及其他营业单位收到的现金净额
            stot_inflows_inv_act | Cash inflows from investing activities | 投资活动现金流入小计
            c_pay_acq_const_fiolta | Cash paid for fixed, intangible and other long-term assets | 购建固定资产、无形资产和其他长期资产支付的现金
            c_paid_invest | Cash paid for investments | 投资支付的现金
            n_disp_subs_oth_biz | Net cash paid for subsidiaries and other business units | 取得子公司及其他营业单位支付的现金净额
            oth_pay_ral_inv_act | Other cash paid for investing activities | 支付其他与投资活动有关的现金
            n_incr_pledge_loan | Net increase in pledged loans | 质押贷款净增加额
            stot_out_inv_act | Cash outflows from investing activities | 投资活动现金流出小计
            n_cashflow_inv_act | Net cash flow from investing activities | 投资活动产生的现金流量净额
            c_recp_borrow | Cash received from borrowings | 取得借款收到的现金
            proc_issue_bonds | Cash received from issuing bonds | 发行债券收到的现金
            oth_cash_recp_ral_fnc_act | Other cash received from financing activities | 收到其他与筹资活动有关的现金
            stot_cash_in_fnc_act | Cash inflows from financing activities | 筹资活动现金流入小计
            free_cashflow | Free cash flow to the firm | 企业自由现金流量
            c_prepay_amt_borr | Cash paid to repay debts | 偿还债务支付的现金
            c_pay_dist_dpcp_int_exp | Cash paid for dividends, profits and interest | 分配股利、利润或偿付利息支付的现金
            incl_dvd_profit_paid_sc_ms | Of which: paid by subsidiaries to minority shareholders | 其中:子公司支付给少数股东的股利、利润
            oth_cashpay_ral_fnc_act | Other cash paid for financing activities | 支付其他与筹资活动有关的现金
            stot_cashout_fnc_act | Cash outflows from financing activities | 筹资活动现金流出小计
            n_cash_flows_fnc_act | Net cash flow from financing activities | 筹资活动产生的现金流量净额
            eff_fx_flu_cash | Effect of exchange rates on cash | 汇率变动对现金的影响
            n_incr_cash_cash_equ | Net increase in cash and cash equivalents | 现金及现金等价物净增加额
            """,
            flow=True,
        ),
        *items("""
            c_cash_equ_beg_period | Cash and cash equivalents at the start of the year | 期初现金及现金等价物余额
            c_cash_equ_end_period | Cash and cash equivalents at the end of the period | 期末现金及现金等价物余额
        """),
        *items(
            """
            c_recp_cap_contrib | Cash received from capital contributions | 吸收投资收到的现金
            incl_cash_rec_saims | Of which: by subsidiaries from minority shareholders | 其中:子公司吸收少数股东投资收到的现金
            uncon_invest_loss | Unrecognised investment loss | 未确认投资损失
            prov_depr_assets | Plus: impairment of assets | 加:资产减值准备
            depr_fa_coga_dpba | Depreciation of fixed, oil and gas, and productive biological assets | 固定资产折旧、油气资产折耗、生产性生物资产折旧
            amort_intang_assets | Amortisation of intangible assets | 无形资产摊销
            lt_amort_deferred_exp | Amortisation of long-term deferred expenses | 长期待摊费用摊销
            decr_deferred_exp | Decrease in deferred expenses | 待摊费用减少
            incr_acc_exp | Increase in accrued expenses | 预提费用增加
            loss_disp_fiolta | Loss from disposal of fixed, intangible and other long-term assets | 处置固定、无形资产和其他长期资产的损失
            loss_scr_fa | Loss from scrapped fixed assets | 固定资产报废损失
            loss_fv_chg | Loss from changes in fair value | 公允价值变动损失
            invest_loss | Investment loss | 投资损失
            decr_def_inc_tax_assets | Decrease in deferred tax assets | 递延所得税资产减少
            incr_def_inc_tax_liab | Increase in deferred tax liabilities | 递延所得税负债增加
            decr_inventories | Decrease in inventories | 存货的减少
            decr_oper_payable | Decrease in operating receivables | 经营性应收项目的减少
            incr_oper_payable | Increase in operating payables | 经营性应付项目的增加
            others | Other | 其他
            im_net_cashflow_oper_act | Net cash flow from operating activities, indirect method | 经营活动产生的现金流量净额(间接法)
            conv_debt_into_cap | Debt converted into capital | 债务转为资本
            """,
            flow=True,
        ),
        *items("""
            conv_copbonds_due_within_1y | Convertible bonds due within a year | 一年内到期的可转换公司债券
        """),
        *items(
            """
            fa_fnc_leases | Fixed assets leased in under finance leases | 融资租入固定资产
            im_n_incr_cash_equ | Net increase in cash and cash equivalents, indirect method | 现金及现金等价物净增加额(间接法)
            net_dism_capital_add | Net increase in placements with banks | 拆出资金净增加额
            net_cash_rece_sec | Net cash received from trading securities for clients | 代理买卖证券收到的现金净额(元)
            credit_impa_loss | Credit impairment losses | 信用减值损失
            use_right_asset_dep | Depreciation of right-of-use assets | 使用权资产折旧
            oth_loss_asset | Impairment losses on other assets | 其他资产减值损失
            """,
            flow=True,
        ),
        *items("""
            end_bal_cash | Cash at the end of the period | 现金的期末余额
            beg_bal_cash | Less: cash at the start of the year | 减:现金的期初余额
            end_bal_cash_equ | Plus: cash equivalents at the end of the period | 加:现金等价物的期末余额
            beg_bal_cash_equ | Less: cash equivalents at the start of the year | 减:现金等价物的期初余额
        """),
        Column("update_flag", Type.TEXT, "1 latest, 0 as first told", "更新标志(1最新）"),
    ),
    calls=PerPeriod(whole="cashflow_vip", variants=REPORT_TYPES, rows=REPORT_ROWS, restated=RESTATED),
    expected=Disclosed(),
    points=2000,
    fills=("report_type",),
    versions=Versions(("f_ann_date", "ann_date")),
    rules=(
        STATEMENT_AFTER_PERIOD,
        Rule(
            "cash",
            "abs(c_cash_equ_beg_period + n_incr_cash_cash_equ - c_cash_equ_end_period) "
            "<= 1 + 0.00001 * abs(c_cash_equ_end_period)",
            "cash at the end is cash at the start and its increase",
            Severity.WARN,
        ),
    ),
    # What turns over fast, as securities and short loans, may be told net, and net lines fall; so do sums that hold such lines.
    grows={
        "1": (
            "c_fr_sale_sg",
            "c_paid_goods_s",
            "c_paid_to_for_empl",
            "c_paid_for_taxes",
            "c_pay_acq_const_fiolta",
            "c_pay_dist_dpcp_int_exp",
        ),
        **dict.fromkeys("234", ("c_paid_to_for_empl", "c_paid_for_taxes")),
    },
    quirks=(
        VERSIONS,
        "Figures count from the start of the year.",
        "The indirect method, from net profit to cash flow, is filed with half-year and annual reports: other periods have nulls, "
        "and quarters cannot be derived there.",
        "decr_oper_payable is the decrease in receivables, whatever its name says.",
    ),
)
